//! The repository on a smart-HTTP git server: nginx, fcgiwrap and git's own `http-backend`, with a
//! token, hooks and a branch that may be protected. It is not GitHub: it has no REST API and no
//! pull requests. Everything runs as the user of the test, who also owns the repository, because
//! git refuses another owner's repository as "dubious ownership".

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use greenlight_rehearsal::process::rally::WORKFLOW;
use greenlight_rehearsal::world::git::WORKFLOW_TEXT;
use tempfile::TempDir;

use super::folder::{lines_of, open_folder, place_script};
use super::hold::{Hold, Moment};
use super::process::{Process, Signal, clean_command, free_port, is_root, program, run, wait_for_port};

/// The user name that GitHub prescribes for a token.
pub const USER: &str = "x-access-token";
/// The token that the server accepts.
pub const TOKEN: &str = "ghp_PeerTokenOfTheTest0123456789abcdefAB";
/// Path of the version file.
pub const VERSION_FILE: &str = "src/main/resources/version.properties";

const VERSION_TEXT: &str = "\
# Rally build information, read at start and shown in the footer.
name=Rally
version=2.0.1.11-RELEASE
vendor=Rally for Research
channel=production
";

/// A git server with one repository, `rally.git`.
#[derive(Debug)]
pub struct GitServer {
    // Fields are dropped in this order, so the processes end before the folder is removed.
    _nginx: Process,
    _fcgiwrap: Process,
    port: u16,
    folder: TempDir,
    clock: AtomicU32,
}

/// One ref that a push requested to move, or moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefMove {
    /// Commit before; forty zeros when the ref is new.
    pub from: String,
    /// The commit after the move.
    pub to: String,
    /// Full name of the ref.
    pub reference: String,
}

impl GitServer {
    /// Starts the server with branch `master`, tagged `v2.0.1.11`, and branch `v2.1.0`, three
    /// commits ahead of `master`.
    ///
    /// # Errors
    /// When a program is missing or does not start.
    pub async fn start() -> Result<Self> {
        let nginx = program("git server", "nginx", "nginx-light")?;
        let fcgiwrap = program("git server", "fcgiwrap", "fcgiwrap")?;
        let openssl = program("git server", "openssl", "openssl")?;
        let git = program("git server", "git", "git")?;
        let folder = open_folder("git")?;
        let home = folder.path();
        for part in ["control", "nginx"] {
            fs_err::create_dir_all(home.join(part))?;
        }
        let hash = run(clean_command(openssl, home).args(["passwd", "-apr1", TOKEN]))?;
        fs_err::write(home.join("htpasswd"), format!("{USER}:{}\n", hash.trim()))?;
        let backend = run(clean_command(&git, home).arg("--exec-path"))?;
        let backend = Path::new(backend.trim()).join("git-http-backend");
        make_repository(home)?;

        let port = free_port()?;
        let socket = home.join("fcgiwrap.sock");
        fs_err::write(home.join("nginx.conf"), nginx_config(home, port, &backend))?;
        let mut wrap = clean_command(fcgiwrap, home);
        wrap.args(["-c", "6", "-s"]).arg(format!("unix:{}", socket.display()));
        let mut wrap = Process::start("fcgiwrap", &wrap, Signal::Terminate, &home.join("fcgiwrap.log"))?;
        let mut deadline = super::process::Deadline::after(Duration::from_secs(10));
        while !socket.exists() {
            wrap.ensure_running()?;
            deadline.pause("the socket of fcgiwrap").await?;
        }
        let mut front = clean_command(nginx, home);
        front.arg("-p").arg(home).arg("-e").arg(home.join("nginx/error.log")).arg("-c").arg(home.join("nginx.conf"));
        let mut front = Process::start("nginx", &front, Signal::Terminate, &home.join("nginx.log"))?;
        wait_for_port(&mut front, port, Duration::from_secs(10)).await?;
        let server = Self { _nginx: front, _fcgiwrap: wrap, port, folder, clock: AtomicU32::new(1_760_000_000) };
        server.seed()?;
        Ok(server)
    }

    /// Address of the repository, without credentials.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/rally.git", self.port)
    }

    /// Address of the repository with a user and a token in it, for the git program.
    #[must_use]
    pub fn url_with(&self, token: &str) -> String {
        format!("http://{USER}:{token}@127.0.0.1:{}/rally.git", self.port)
    }

    /// The bare repository on disk.
    #[must_use]
    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("rally.git")
    }

    /// Refuses every further push to this ref, with GitHub's GH006 text.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn protect(&self, reference: &str) -> Result<()> {
        Ok(fs_err::write(self.control().join("protected"), format!("{reference}\n"))?)
    }

    /// Removes every protection.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn unprotect(&self) -> Result<()> {
        Ok(fs_err::write(self.control().join("protected"), "")?)
    }

    /// Holds the next push that names `reference`, before or after it takes effect.
    ///
    /// # Errors
    /// When the marker cannot be written.
    pub fn hold(&self, moment: Moment, reference: &str) -> Result<Hold> {
        Hold::arm(&self.control(), moment, reference)
    }

    /// Every ref that a push over the network requested to move, in order. Refused pushes are
    /// included.
    #[must_use]
    pub fn pushes_asked(&self) -> Vec<RefMove> {
        ref_moves(&self.control().join("asked"))
    }

    /// Every ref that a push over the network moved, in order.
    #[must_use]
    pub fn pushes_done(&self) -> Vec<RefMove> {
        ref_moves(&self.control().join("done"))
    }

    /// The commit that a ref or expression names, if it exists.
    #[must_use]
    pub fn rev_parse(&self, expression: &str) -> Option<String> {
        let answer = self.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", expression]).ok()?;
        Some(answer.trim().to_owned())
    }

    /// Commit behind a tag, annotated or not.
    #[must_use]
    pub fn peel_tag(&self, tag: &str) -> Option<String> {
        self.rev_parse(&format!("refs/tags/{tag}^{{commit}}"))
    }

    /// Bytes of a file at a commit.
    ///
    /// # Errors
    /// When there is no such file or commit.
    pub fn file(&self, commit: &str, path: &str) -> Result<Vec<u8>> {
        let mut show = self.command();
        let output = show.args(["show", &format!("{commit}:{path}")]).output()?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    }

    /// Parents of a commit, first parent first.
    ///
    /// # Errors
    /// When there is no such commit.
    pub fn parents(&self, commit: &str) -> Result<Vec<String>> {
        let line = self.git(&["log", "-1", "--format=%P", commit])?;
        Ok(line.split_whitespace().map(str::to_owned).collect())
    }

    /// Subject line of a commit.
    ///
    /// # Errors
    /// When there is no such commit.
    pub fn subject(&self, commit: &str) -> Result<String> {
        Ok(self.git(&["log", "-1", "--format=%s", commit])?.trim().to_owned())
    }

    /// The difference between two commits: the output of `git diff` without context lines.
    ///
    /// # Errors
    /// When one of them does not exist.
    pub fn diff(&self, from: &str, to: &str) -> Result<String> {
        self.git(&["diff", "--unified=0", from, to])
    }

    /// Every ref with its object id.
    ///
    /// # Errors
    /// When git fails.
    pub fn refs(&self) -> Result<Vec<(String, String)>> {
        let list = self.git(&["for-each-ref", "--format=%(refname) %(objectname)"])?;
        Ok(list.lines().filter_map(|line| line.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect())
    }

    /// Commits a file to a branch as another person and returns the commit. Hooks do not run.
    ///
    /// # Errors
    /// When git fails.
    pub fn commit(&self, branch: &str, path: &str, bytes: &[u8], subject: &str) -> Result<String> {
        let work = self.folder.path().join("work");
        let clock = self.clock.fetch_add(60, Ordering::Relaxed) + 60;
        let git = |arguments: &[&str]| run(self.person(&work, clock).args(arguments));
        if !work.exists() {
            run(self.command().arg("clone").arg("--quiet").arg(self.repository()).arg(&work))?;
        }
        git(&["fetch", "--quiet", "--prune", "origin"])?;
        git(&["checkout", "--quiet", "--force", "-B", "edit", &format!("refs/remotes/origin/{branch}")])?;
        let file = work.join(path);
        fs_err::create_dir_all(file.parent().context("a file in no folder")?)?;
        fs_err::write(file, bytes)?;
        git(&["add", "--all", "--force"])?;
        git(&["commit", "--quiet", "--allow-empty", "-m", subject])?;
        self.take(&work, branch)
    }

    /// Tags a commit as another person. `annotated` creates a tag object.
    ///
    /// # Errors
    /// When git fails.
    pub fn tag(&self, tag: &str, commit: &str, annotated: bool) -> Result<()> {
        let kind: &[&str] = if annotated { &["--annotate", "-m", tag] } else { &[] };
        let mut command = self.person(&self.repository(), self.clock.load(Ordering::Relaxed));
        run(command.args(["tag", "--force"]).args(kind).args([tag, commit])).map(|_| ())
    }

    /// Creates a merge conflict: changes the same line of one file on `master` and on the release
    /// branch. Returns the path of the file.
    ///
    /// # Errors
    /// When git fails.
    pub fn make_conflict(&self) -> Result<&'static str> {
        let path = "src/main/java/Study.java";
        self.commit("master", path, b"class Study { int sites = 1; }\n", "Show one site")?;
        self.commit("v2.1.0", path, b"class Study { int sites = 2; }\n", "Show two sites")?;
        Ok(path)
    }

    /// The requests that nginx logged: `METHOD URI STATUS`.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        lines_of(&self.folder.path().join("nginx/access.log"))
    }

    fn seed(&self) -> Result<()> {
        self.commit("master", "README.md", b"# Rally\n", "Describe Rally")?;
        let workflow = format!(".github/workflows/{WORKFLOW}");
        self.commit("master", &workflow, WORKFLOW_TEXT.as_bytes(), "Build and deploy on GitHub")?;
        self.commit("master", VERSION_FILE, VERSION_TEXT.as_bytes(), "Release 2.0.1.11")?;
        self.tag("v2.0.1.11", "refs/heads/master", false)?;
        self.git(&["branch", "v2.1.0", "master"])?;
        self.commit("v2.1.0", "src/main/java/Site.java", b"class Site {}\n", "Let a site be closed")?;
        self.commit("v2.1.0", "db/closed_on.sql", b"-- closed_on of study_site\n", "Add the column closed_on")?;
        self.commit("v2.1.0", "README.md", b"# Rally\n\nSites can be closed.\n", "Describe closed sites")?;
        Ok(())
    }

    /// Moves a branch of the server to the commit that is checked out in the work folder.
    fn take(&self, work: &Path, branch: &str) -> Result<String> {
        let commit =
            run(self.person(work, self.clock.load(Ordering::Relaxed)).args(["rev-parse", "HEAD"]))?.trim().to_owned();
        let reference = format!("refs/heads/{branch}");
        let mut fetch = self.command();
        run(fetch.args(["fetch", "--quiet"]).arg(work).arg("refs/heads/edit"))?;
        self.git(&["update-ref", &reference, &commit])?;
        Ok(commit)
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    fn command(&self) -> Command {
        let mut command = clean_command("git", self.folder.path());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_DIR", self.repository());
        command
    }

    fn person(&self, folder: &Path, seconds: u32) -> Command {
        person(self.folder.path(), folder, seconds)
    }

    fn git(&self, arguments: &[&str]) -> Result<String> {
        run(self.command().args(arguments))
    }
}

/// The git program, run as the developer who created the repository.
fn person(home: &Path, folder: &Path, seconds: u32) -> Command {
    let mut command = clean_command("git", home);
    command.current_dir(folder).env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Dana Developer");
        command.env(format!("GIT_{role}_EMAIL"), "dana@rally.example");
        command.env(format!("GIT_{role}_DATE"), format!("{seconds} +0000"));
    }
    command
}

/// Creates the bare repository with its hooks and a first commit.
fn make_repository(home: &Path) -> Result<()> {
    let bare = home.join("rally.git");
    let git = |arguments: &[&str]| run(person(home, home, 1_759_999_000).args(arguments));
    git(&["init", "--quiet", "--bare", "--initial-branch=master", "rally.git"])?;
    git(&["-C", "rally.git", "config", "http.receivepack", "true"])?;
    git(&["-C", "rally.git", "config", "gc.auto", "0"])?;
    let tree = git(&["-C", "rally.git", "hash-object", "-w", "-t", "tree", "/dev/null"])?;
    let commit = git(&["-C", "rally.git", "commit-tree", "-m", "Begin", tree.trim()])?;
    git(&["-C", "rally.git", "update-ref", "refs/heads/master", commit.trim()])?;
    let control = home.join("control");
    fs_err::write(control.join("protected"), "")?;
    Hold::prepare(&control)?;
    fs_err::create_dir_all(bare.join("hooks"))?;
    for hook in ["pre-receive", "update", "post-receive"] {
        let values = [("@CONTROL@", &*control.to_string_lossy())];
        place_script(&format!("git/{hook}"), &bare.join("hooks").join(hook), &values)?;
    }
    Ok(())
}

fn ref_moves(log: &Path) -> Vec<RefMove> {
    let lines = lines_of(log);
    let moves = lines.iter().filter_map(|line| {
        let mut parts = line.split(' ').map(str::to_owned);
        Some(RefMove { from: parts.next()?, to: parts.next()?, reference: parts.next()? })
    });
    moves.collect()
}

/// A held push can outlive its client, as on GitHub: `fastcgi_ignore_client_abort` keeps the
/// backend running.
fn nginx_config(home: &Path, port: u16, backend: &Path) -> String {
    let user = if is_root() { "user root;" } else { "" };
    let (home, backend) = (home.display(), backend.display());
    format!(
        "daemon off; worker_processes 1; pid {home}/nginx/pid; {user}
events {{ worker_connections 128; }}
http {{
  log_format short '$request_method $request_uri $status';
  access_log {home}/nginx/access.log short;
  client_body_temp_path {home}/nginx/body; fastcgi_temp_path {home}/nginx/fastcgi; proxy_temp_path {home}/nginx/proxy;
  uwsgi_temp_path {home}/nginx/uwsgi; scgi_temp_path {home}/nginx/scgi;
  client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    auth_basic 'rally'; auth_basic_user_file {home}/htpasswd;
    location / {{
      fastcgi_pass unix:{home}/fcgiwrap.sock;
      fastcgi_read_timeout 300s; fastcgi_ignore_client_abort on; fastcgi_buffering off;
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_PROJECT_ROOT {home};
      fastcgi_param GIT_HTTP_EXPORT_ALL '';
      fastcgi_param GIT_CONFIG_NOSYSTEM 1;
      fastcgi_param HOME {home};
      fastcgi_param PATH_INFO $uri;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
      fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
      fastcgi_param GIT_PROTOCOL $http_git_protocol;
      fastcgi_param REMOTE_USER $remote_user;
      fastcgi_param REMOTE_ADDR $remote_addr;
    }}
  }}
}}
"
    )
}
