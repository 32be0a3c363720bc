//! Policies to begin with.

use vidimus_protocol::entry::Profile;

use crate::text::PolicyFile;

/// The policies that a log of that profile may begin with, and the tests that
/// go with them.
#[must_use]
pub fn starter(profile: Profile) -> Vec<PolicyFile> {
    let (policies, tests) = match profile {
        Profile::Personal => (
            include_str!("starter/personal.cedar"),
            include_str!("starter/personal.json"),
        ),
        Profile::Team => (
            include_str!("starter/team.cedar"),
            include_str!("starter/team.json"),
        ),
    };
    let file = |name: &str, text: &str| PolicyFile {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    vec![file("policy.cedar", policies), file("tests.json", tests)]
}
