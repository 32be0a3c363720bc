//! Deep links: `vidimus://action/ID`, an action's id and nothing else.
//!
//! Any page and any program can make the desktop follow a link. So a link
//! opens an action for review and can say nothing more: no verdict, no other
//! place, no text that would be shown.

use vidimus_protocol::ActionId;

const PREFIX: &str = "vidimus://action/";

/// The action that a link names; `None` when it is anything else.
pub(crate) fn parse(link: &str) -> Option<ActionId> {
    link.strip_prefix(PREFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_an_id_and_nothing_else() {
        let action = ActionId::from_random([7; 16]);
        let good = format!("{PREFIX}{action}");
        assert_eq!(parse(&good), Some(action));
        for bad in [
            format!("{good}/"),
            format!("{good}?verdict=approve"),
            format!("{good}#approve"),
            format!("{good}/approve"),
            format!("{good} "),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{good}%20"),
            good.replace("vidimus:", "VIDIMUS:"),
            good.replace("//action", "///action"),
            good.replace("action/", "action//"),
            good.replace("action", "history"),
            good.replace("vidimus://", "https://"),
            good.replace("act_", "agt_"),
            good.replace("act_", "act_%30"),
            good.replace("action/", "user@action/"),
            "vidimus://action/".to_owned(),
            "vidimus://action/../action/act_7".to_owned(),
            "--home=/tmp".to_owned(),
            String::new(),
        ] {
            assert_eq!(parse(&bad), None, "{bad:?}");
        }
    }
}
