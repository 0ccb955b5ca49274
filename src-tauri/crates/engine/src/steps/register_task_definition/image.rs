//! The question about an image that a revision would replace.

use greenlight_types::{Choice, Question, RunView};

use crate::ports::{TaskDefinition, revision_name};

/// The only answer to the question about the image of another repository.
const REPLACE: &str = "replace";

/// The question about an image that does not lie in the repository of the profile. The profile's
/// address may be wrong, and then no server of the new revision would start.
pub(super) fn question_of_image(run: &RunView, base: &TaskDefinition) -> Option<Question> {
    let (old, new) = (image_of(base, &run.profile.aws.container)?, &run.names.image);
    let id = format!("oldImage:{}", revision_name(&base.arn));
    let is_answered = run.answer(&id).is_some_and(|one| one.answer == REPLACE);
    if repository_of(old) == repository_of(new) || is_answered {
        return None;
    }
    Some(Question {
        id,
        text: format!(
            "The program in {} comes from {}. This release would take it from {}. Replace the address?",
            revision_name(&base.arn),
            repository_of(old),
            repository_of(new)
        ),
        options: vec![Choice {
            id: REPLACE.into(),
            label: format!("Replace it with {new}"),
            detail: "If the build does not put its package there, no server of the new version starts. Ask a developer first. \
                     Your name and your reason are kept with this answer."
                .into(),
        }],
        needs_note: true,
    })
}

/// Address of the image of the container with this name.
pub fn image_of<'a>(definition: &'a TaskDefinition, container: &str) -> Option<&'a str> {
    let containers = definition.definition.get("containerDefinitions")?.as_array()?;
    containers.iter().find(|one| one["name"] == container)?.get("image")?.as_str()
}

/// The address of an image without its digest and its tag.
fn repository_of(image: &str) -> &str {
    let named = image.split_once('@').map_or(image, |(named, _)| named);
    match named.rsplit_once(':') {
        // A colon before the last slash belongs to a port.
        Some((repository, tag)) if !tag.contains('/') => repository,
        Some(_) | None => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_the_same_repository_differs_in_tag_and_digest() {
        for (image, repository) in [
            ("1.dkr.ecr.us-east-1.amazonaws.com/rally-prod:V2", "1.dkr.ecr.us-east-1.amazonaws.com/rally-prod"),
            ("1.dkr.ecr.us-east-1.amazonaws.com/rally-prod@sha256:ab", "1.dkr.ecr.us-east-1.amazonaws.com/rally-prod"),
            ("registry.local:5000/rally:1@sha256:ab", "registry.local:5000/rally"),
            ("registry.local:5000/rally", "registry.local:5000/rally"),
            ("rally", "rally"),
        ] {
            assert_eq!(repository_of(image), repository, "{image}");
        }
    }
}
