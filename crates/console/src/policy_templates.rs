//! Single policies to begin with, by kind of action, explained for somebody
//! who never saw Cedar.

use vidimus_protocol::action::ActionKind;
use vidimus_protocol::entry::Profile;

use crate::view::PolicyTemplateView;

/// What more a template asks for than one person.
const MORE: &str = "MORE";

struct Template {
    kind: ActionKind,
    title: &'static str,
    means: &'static str,
    /// The policy; `MORE` is what the log can ask for.
    text: &'static str,
}

/// Those that a log of that profile can have.
pub(crate) fn templates(profile: Profile) -> Vec<PolicyTemplateView> {
    TEMPLATES.iter().map(|one| view(one, profile)).collect()
}

fn view(template: &Template, profile: Profile) -> PolicyTemplateView {
    // In a log of one's own there is nobody else to ask.
    let (asks, words) = match profile {
        Profile::Personal => ("@reason(\"required\")", "you must say why"),
        Profile::Team => ("@people(\"2\")", "two people must approve"),
    };
    PolicyTemplateView {
        kind: template.kind.as_str().to_owned(),
        title: template.title.to_owned(),
        means: template.means.replace(MORE, words),
        text: template.text.replace(MORE, asks),
    }
}

const TEMPLATES: &[Template] = &[
    Template {
        kind: ActionKind::Command,
        title: "Commands as root",
        means: "Where a program would run as root, MORE. Other commands stay as they are.",
        text: r#"@id("root-commands")
@why("What runs as root can change everything on the machine.")
MORE
permit (principal, action == Vidimus::Action::"propose", resource)
when { context.kind == "command" && context has command && context.command.root };
"#,
    },
    Template {
        kind: ActionKind::FileChange,
        title: "System files",
        means: "Where a file below /etc would be written, MORE.",
        text: r#"@id("system-files")
@why("What stands in /etc decides how the machine works.")
MORE
permit (principal, action == Vidimus::Action::"propose", resource)
when { context has file && context.file.path like "/etc/*" };
"#,
    },
    Template {
        kind: ActionKind::GitPush,
        title: "Pushes that lose history",
        means: "Where a push would rewrite commits or delete a branch or tag, MORE.",
        text: r#"@id("history-stays")
@why("Commits that a push takes away are hard to bring back.")
MORE
permit (principal, action == Vidimus::Action::"propose", resource)
when { context has git && (context.git.rewrites || context.git.deletes) };
"#,
    },
    Template {
        kind: ActionKind::Json,
        title: "Changes that remove something",
        means: "Where a change says that nothing is there afterwards, MORE.",
        text: r#"@id("removals")
@why("What is removed may be needed by somebody else.")
MORE
permit (principal, action == Vidimus::Action::"propose", resource)
when { context has json && context.json.removes };
"#,
    },
    Template {
        kind: ActionKind::McpToolCall,
        title: "Tools that only read",
        means: "Calls of the named tools of the server “files” run without a person, for the named agents (the id is nobody's). Put yours there: Vidimus takes your word that the tools only read, and theirs that it is that server.",
        text: r#"@id("reading-tools")
@why("These tools only read.")
permit (principal, action == Vidimus::Action::"release", resource)
when {
  [Vidimus::Agent::"agt_00000000000000000000000000"].contains(principal) &&
  context has tool &&
  context.tool.server == "files" &&
  ["list_directory", "read_file"].contains(context.tool.tool)
};
"#,
    },
    Template {
        kind: ActionKind::Sql,
        title: "SQL that deletes or changes the schema",
        means: "Where SQL deletes, changes the schema, changes who may do what, takes all rows of a table, or is not understood, MORE.",
        text: r#"@id("sql-with-care")
@why("What SQL takes away comes back from a backup only.")
MORE
permit (principal, action == Vidimus::Action::"propose", resource)
when {
  context has sql &&
  (context.sql.whole_table || context.sql.classes.containsAny(["delete", "schema", "permission", "unknown"]))
};
"#,
    },
    Template {
        kind: ActionKind::TerraformPlan,
        title: "Plans that delete or replace",
        means: "Where a Terraform plan deletes or replaces a resource, MORE.",
        text: r#"@id("plans-with-care")
@why("What a plan deletes or replaces is gone for a while, or for good.")
MORE
permit (principal, action == Vidimus::Action::"propose", resource)
when { context has terraform && (context.terraform.deletes > 0 || context.terraform.replaces > 0) };
"#,
    },
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_policy::{PolicyText, Set, starter};

    #[test]
    fn every_template_stands_beside_the_starter() {
        for profile in [Profile::Personal, Profile::Team] {
            let mut files = starter(profile);
            let templates = templates(profile);
            let kinds: Vec<&str> = templates.iter().map(|one| one.kind.as_str()).collect();
            assert_eq!(kinds.len(), 7, "one for each kind");
            assert!(kinds.is_sorted_by(|one, next| one < next), "{kinds:?}");
            for template in &templates {
                files[0].text.push('\n');
                files[0].text.push_str(&template.text);
                assert!(!template.means.contains(MORE));
            }
            let text = PolicyText::new(files).unwrap();
            Set::parse(&text, profile, "policy/1").unwrap();
        }
    }
}
