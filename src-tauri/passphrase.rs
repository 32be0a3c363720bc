//! The native prompt for the software key's passphrase.
//!
//! It is a window of the toolkit, not of the web view: what is typed here never
//! reaches the page. GTK wipes the field's own buffer; copies that the toolkit
//! makes on the way out are beyond our reach.

use gtk::glib;
use gtk::prelude::*;
use tokio::sync::oneshot;
use vidimus_console::hooks::PassphraseAsk;
use zeroize::Zeroizing;

/// Fewer characters are no passphrase.
const FEWEST_CHARACTERS: usize = 8;

/// Opens the prompt and answers on the channel: `None` when it is cancelled.
/// It goes away by itself when `asker` is dropped at the other end. On the main
/// thread only.
pub(crate) fn open(
    parent: Option<&gtk::ApplicationWindow>,
    ask: &PassphraseAsk,
    answer: oneshot::Sender<Option<Zeroizing<String>>>,
    asker: oneshot::Receiver<()>,
) {
    let prompt = Prompt::new(parent, ask);
    let dialog = prompt.dialog.downgrade();
    glib::MainContext::default().spawn_local(async move {
        // Nothing is ever sent: this ends with the other end.
        let _gone = asker.await;
        if let Some(dialog) = dialog.upgrade() {
            dialog.close();
        }
    });
    let answer = std::cell::Cell::new(Some(answer));
    let fields = prompt.fields;
    prompt.dialog.connect_response(move |dialog, response| {
        let typed = if response == gtk::ResponseType::Ok {
            match fields.read() {
                Ok(typed) => Some(typed),
                Err(why) => return fields.refuse(why),
            }
        } else {
            None
        };
        fields.wipe();
        if let Some(answer) = answer.take() {
            // The key prompt may have been cancelled in the window meanwhile.
            let _cancelled = answer.send(typed);
        }
        if response != gtk::ResponseType::DeleteEvent {
            dialog.close();
        }
    });
    prompt.dialog.show_all();
    prompt.dialog.present();
}

struct Prompt {
    dialog: gtk::Dialog,
    fields: Fields,
}

struct Fields {
    first: gtk::Entry,
    /// Only for a new passphrase.
    again: Option<gtk::Entry>,
    problem: gtk::Label,
}

impl Prompt {
    fn new(parent: Option<&gtk::ApplicationWindow>, ask: &PassphraseAsk) -> Self {
        let title = if ask.new {
            "Vidimus: choose a passphrase"
        } else {
            "Vidimus: passphrase of your software key"
        };
        let dialog = gtk::Dialog::with_buttons(
            Some(title),
            parent,
            gtk::DialogFlags::MODAL | gtk::DialogFlags::DESTROY_WITH_PARENT,
            &[
                ("Cancel", gtk::ResponseType::Cancel),
                (
                    if ask.new { "Set passphrase" } else { "Sign" },
                    gtk::ResponseType::Ok,
                ),
            ],
        );
        dialog.set_default_response(gtk::ResponseType::Ok);
        dialog.set_resizable(false);
        dialog.set_border_width(12);

        let area = dialog.content_area();
        area.set_spacing(8);
        area.add(&text(&ask.purpose));
        let first = field("Passphrase", &area);
        let again = ask.new.then(|| field("The same again", &area));
        let problem = text(ask.problem.as_deref().unwrap_or_default());
        problem.style_context().add_class("error");
        area.add(&problem);

        Self {
            dialog,
            fields: Fields {
                first,
                again,
                problem,
            },
        }
    }
}

impl Fields {
    fn read(&self) -> Result<Zeroizing<String>, &'static str> {
        let first = typed(&self.first);
        let again = self.again.as_ref().map(typed);
        judge(&first, again.as_ref().map(|again| again.as_str()))?;
        Ok(first)
    }

    fn refuse(&self, why: &str) {
        self.problem.set_text(why);
        self.wipe();
        self.first.grab_focus();
    }

    fn wipe(&self) {
        self.first.set_text("");
        if let Some(again) = &self.again {
            again.set_text("");
        }
    }
}

/// Whether what was typed will do. `again` is there for a new passphrase.
fn judge(first: &str, again: Option<&str>) -> Result<(), &'static str> {
    match again {
        None if first.is_empty() => Err("Type the passphrase."),
        None => Ok(()),
        Some(_) if first.chars().count() < FEWEST_CHARACTERS => {
            Err("Too short: at least 8 characters.")
        }
        Some(again) if again != first => Err("The two are not the same. Type both again."),
        Some(_) => Ok(()),
    }
}

fn typed(entry: &gtk::Entry) -> Zeroizing<String> {
    Zeroizing::new(entry.text().into())
}

fn text(words: &str) -> gtk::Label {
    let label = gtk::Label::new(Some(words));
    label.set_line_wrap(true);
    label.set_max_width_chars(56);
    label.set_xalign(0.0);
    label
}

fn field(name: &str, area: &gtk::Box) -> gtk::Entry {
    let label = gtk::Label::with_mnemonic(name);
    label.set_xalign(0.0);
    let entry = gtk::Entry::new();
    entry.set_visibility(false);
    entry.set_input_purpose(gtk::InputPurpose::Password);
    entry.set_activates_default(true);
    entry.set_width_chars(40);
    label.set_mnemonic_widget(Some(&entry));
    area.add(&label);
    area.add(&entry);
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_passphrase_is_typed_twice_and_long_enough() {
        assert_eq!(judge("correct horse", Some("correct horse")), Ok(()));
        assert!(judge("correct horse", Some("correct house")).is_err());
        assert!(judge("correct horse", Some("")).is_err());
        assert!(judge("sevenor", Some("sevenor")).is_err());
        assert_eq!(judge("äöüßäöüß", Some("äöüßäöüß")), Ok(()));
    }

    #[test]
    fn an_old_passphrase_is_whatever_it_was() {
        assert_eq!(judge("short", None), Ok(()));
        assert!(judge("", None).is_err());
    }
}
