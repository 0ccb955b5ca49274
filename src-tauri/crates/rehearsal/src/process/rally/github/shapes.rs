//! Long constant shapes of GitHub's REST API: a person and a repository with all required addresses
//! (`simple-user`, `minimal-repository` and `repository` of
//! <https://github.com/github/rest-api-description>).

use serde_json::{Map, Value, json};

/// Base address of GitHub's API.
pub(super) const API: &str = "https://api.github.com";

/// A person in the shape `simple-user`.
pub(super) fn person(login: &str) -> Value {
    let url = format!("{API}/users/{login}");
    let mut person = json!({
        "login": login, "id": 583_231, "node_id": "U_practice", "type": "User", "site_admin": false,
        "avatar_url": "https://avatars.githubusercontent.com/u/583231", "gravatar_id": "", "url": url,
        "html_url": format!("https://github.com/{login}"),
    });
    addresses(
        &mut person,
        &url,
        &[
            ("events_url", "/events{/privacy}"),
            ("followers_url", "/followers"),
            ("following_url", "/following{/other_user}"),
            ("gists_url", "/gists{/gist_id}"),
            ("organizations_url", "/orgs"),
            ("received_events_url", "/received_events"),
            ("repos_url", "/repos"),
            ("starred_url", "/starred{/owner}{/repo}"),
            ("subscriptions_url", "/subscriptions"),
        ],
    );
    person
}

/// The owner of a token in the shape `public-user`.
pub(super) fn user(login: &str) -> Value {
    let mut user = person(login);
    let more = json!({
        "name": "Practice", "company": null, "blog": "", "location": null, "email": null, "hireable": null, "bio": null,
        "public_repos": 0, "public_gists": 0, "followers": 0, "following": 0,
        "created_at": "2021-03-01T08:00:00Z", "updated_at": "2026-11-01T08:00:00Z",
    });
    if let (Some(user), Value::Object(more)) = (user.as_object_mut(), more) {
        user.extend(more);
    }
    user
}

/// A repository in the shape `minimal-repository`. `name` is `owner/name`.
pub(super) fn repository(name: &str) -> Value {
    let (owner, short) = name.split_once('/').unwrap_or((name, name));
    let url = format!("{API}/repos/{name}");
    let mut repository = json!({
        "id": 1_296_269, "node_id": "R_practice", "name": short, "full_name": name, "owner": person(owner),
        "private": true, "description": null, "fork": false, "url": url, "html_url": format!("https://github.com/{name}"),
    });
    addresses(
        &mut repository,
        &url,
        &[
            ("archive_url", "/{archive_format}{/ref}"),
            ("assignees_url", "/assignees{/user}"),
            ("blobs_url", "/git/blobs{/sha}"),
            ("branches_url", "/branches{/branch}"),
            ("collaborators_url", "/collaborators{/collaborator}"),
            ("comments_url", "/comments{/number}"),
            ("commits_url", "/commits{/sha}"),
            ("compare_url", "/compare/{base}...{head}"),
            ("contents_url", "/contents/{+path}"),
            ("contributors_url", "/contributors"),
            ("deployments_url", "/deployments"),
            ("downloads_url", "/downloads"),
            ("events_url", "/events"),
            ("forks_url", "/forks"),
            ("git_commits_url", "/git/commits{/sha}"),
            ("git_refs_url", "/git/refs{/sha}"),
            ("git_tags_url", "/git/tags{/sha}"),
            ("hooks_url", "/hooks"),
            ("issue_comment_url", "/issues/comments{/number}"),
            ("issue_events_url", "/issues/events{/number}"),
            ("issues_url", "/issues{/number}"),
            ("keys_url", "/keys{/key_id}"),
            ("labels_url", "/labels{/name}"),
            ("languages_url", "/languages"),
            ("merges_url", "/merges"),
            ("milestones_url", "/milestones{/number}"),
            ("notifications_url", "/notifications{?since,all,participating}"),
            ("pulls_url", "/pulls{/number}"),
            ("releases_url", "/releases{/id}"),
            ("stargazers_url", "/stargazers"),
            ("statuses_url", "/statuses/{sha}"),
            ("subscribers_url", "/subscribers"),
            ("subscription_url", "/subscription"),
            ("tags_url", "/tags"),
            ("teams_url", "/teams"),
            ("trees_url", "/git/trees{/sha}"),
        ],
    );
    repository
}

/// A repository in the shape `repository`. `name` is `owner/name`.
pub(super) fn whole_repository(name: &str) -> Value {
    let page = format!("https://github.com/{name}");
    let more = json!({
        "git_url": format!("git:github.com/{name}.git"), "ssh_url": format!("git@github.com:{name}.git"),
        "clone_url": format!("{page}.git"), "svn_url": page, "mirror_url": null, "homepage": null, "language": "Java",
        "license": null, "forks": 0, "forks_count": 0, "stargazers_count": 0, "watchers": 0, "watchers_count": 0,
        "size": 108, "default_branch": "master", "open_issues": 0, "open_issues_count": 0, "has_issues": true,
        "has_projects": false, "has_wiki": false, "has_pages": false, "has_downloads": true, "archived": false,
        "disabled": false, "pushed_at": "2026-11-01T08:00:00Z", "created_at": "2021-03-01T08:00:00Z",
        "updated_at": "2026-11-01T08:00:00Z",
    });
    let mut repository = repository(name);
    if let (Some(repository), Value::Object(more)) = (repository.as_object_mut(), more) {
        repository.extend(more);
    }
    repository
}

fn addresses(of: &mut Value, url: &str, all: &[(&str, &str)]) {
    if let Some(object) = of.as_object_mut() {
        let more: Map<String, Value> =
            all.iter().map(|(name, rest)| ((*name).to_owned(), json!(format!("{url}{rest}")))).collect();
        object.extend(more);
    }
}
