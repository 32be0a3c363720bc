//! Policies to begin with.

use vidimus_protocol::entry::Profile;

use crate::text::PolicyFile;

/// The policies that a log of that profile may begin with.
#[must_use]
pub fn starter(profile: Profile) -> Vec<PolicyFile> {
    let text = match profile {
        Profile::Personal => include_str!("starter/personal.cedar"),
        Profile::Team => include_str!("starter/team.cedar"),
    };
    vec![PolicyFile {
        name: "policy.cedar".to_owned(),
        text: text.to_owned(),
    }]
}
