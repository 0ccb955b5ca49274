//! Starts Xvfb and WebKitWebDriver and opens the window of the program under test. The library
//! fantoccini speaks WebDriver. The program is the shipped binary. Its only special setting is
//! `TAURI_WEBVIEW_AUTOMATION`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use fantoccini::{Client, ClientBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::folder::{lines_of, open_folder};
use super::process::{
    Deadline, Process, Signal, clean_command, descendants, free_port, program, signal, wait_for_port,
};

/// Words of WebKitWebDriver when it loses the result of a script on a busy machine.
const LOST_RESULT: &str = "Could not parse script result";

/// Size of the window in every test, in pixels: 1280x800, or `GREENLIGHT_WINDOW`, such as
/// `900x600`, for pictures of a small window.
#[must_use]
pub fn window_size() -> (u32, u32) {
    let chosen = std::env::var("GREENLIGHT_WINDOW").ok();
    let size = chosen.as_deref().and_then(|size| size.split_once('x'));
    size.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?))).unwrap_or((1280, 800))
}

/// Longest wait for one answer of the driver. The driver answers a new session only when the window
/// is open.
const ANSWER_MAX: Duration = Duration::from_secs(90);

/// A virtual display.
#[derive(Debug)]
pub struct Display {
    _server: Process,
    number: u32,
    _folder: TempDir,
}

impl Display {
    /// Starts Xvfb. Xvfb chooses the display number.
    ///
    /// # Errors
    /// When Xvfb is missing or does not start.
    pub async fn start() -> Result<Self> {
        let xvfb = program("window", "Xvfb", "xvfb")?;
        let folder = open_folder("display")?;
        let log = folder.path().join("xvfb.log");
        let mut server = clean_command(xvfb, folder.path());
        // Xvfb writes the number of the display to stdout once it is ready.
        server.args(["-displayfd", "1", "-screen", "0", "1440x900x24", "-nolisten", "tcp", "-noreset"]);
        let mut server = Process::start("Xvfb", &server, Signal::Terminate, &log)?;
        let mut deadline = Deadline::after(Duration::from_secs(15));
        loop {
            let number = lines_of(&log).iter().find_map(|line| line.trim().parse().ok());
            if let Some(number) = number {
                return Ok(Self { _server: server, number, _folder: folder });
            }
            server.ensure_running()?;
            deadline.pause("Xvfb").await?;
        }
    }

    /// Value for `DISPLAY`.
    #[must_use]
    pub fn name(&self) -> String {
        format!(":{}", self.number)
    }
}

/// A WebKitWebDriver process. It starts the program under test in each session.
#[derive(Debug)]
pub struct Driver {
    process: Process,
    port: u16,
    folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Driver {
    /// Starts a driver on a display. The program under test gets `environment` (for example the
    /// keychain's) and, of this process's own environment, only PATH.
    ///
    /// # Errors
    /// When the driver is missing or does not start.
    pub async fn start(display: &Display, environment: &[(String, String)]) -> Result<Self> {
        let folder = open_folder("driver")?;
        // WEBKIT_DISABLE_DMABUF_RENDERER must stay unset: with it WebKitGTK 2.50 never answers for
        // a picture.
        let mut all = vec![
            ("HOME".to_owned(), folder.path().display().to_string()),
            ("DISPLAY".to_owned(), display.name()),
            ("TAURI_WEBVIEW_AUTOMATION".to_owned(), "true".to_owned()),
            // The program under test is a debug build.
            ("GREENLIGHT_DEBUG_PRODUCTION".to_owned(), "1".to_owned()),
            ("GDK_BACKEND".to_owned(), "x11".to_owned()),
            ("LIBGL_ALWAYS_SOFTWARE".to_owned(), "1".to_owned()),
            // With this, only compositing needs OpenGL and painting does not. With both in Mesa's
            // software renderer, the compositor once ended the page with a SIGSEGV in
            // swrast_dri.so.
            ("WEBKIT_SKIA_ENABLE_CPU_RENDERING".to_owned(), "1".to_owned()),
            ("NO_AT_BRIDGE".to_owned(), "1".to_owned()),
            ("GTK_USE_PORTAL".to_owned(), "0".to_owned()),
            // Without a bus of its own, the window would start a bus and an accessibility bus that
            // outlive it.
            ("DBUS_SESSION_BUS_ADDRESS".to_owned(), format!("unix:path={}/no-bus", folder.path().display())),
        ];
        // A page that moves all the time keeps a core busy.
        let settings = folder.path().join(".config/gtk-3.0");
        fs_err::create_dir_all(&settings)?;
        fs_err::write(settings.join("settings.ini"), "[Settings]\ngtk-enable-animations=0\n")?;
        // GTK_THEME of the caller, because screenshots are reviewed in light and in dark.
        all.extend(std::env::var("GTK_THEME").ok().map(|theme| ("GTK_THEME".to_owned(), theme)));
        all.extend_from_slice(environment);
        let (process, port) = start_driver(folder.path(), &all).await?;
        Ok(Self { process, port, folder, environment: all })
    }

    /// Restarts the driver. Needed after the program under test was killed, because the old driver
    /// is then in a broken state.
    ///
    /// # Errors
    /// When the driver does not start again.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.stop();
        (self.process, self.port) = start_driver(self.folder.path(), &self.environment).await?;
        Ok(())
    }

    /// Opens the program under test and waits for its window.
    ///
    /// # Errors
    /// When no window opens within 90 seconds. The text has the output of the program.
    pub async fn open(&self, binary: &Path, arguments: &[&str]) -> Result<Session> {
        let options = json!({"binary": binary, "args": arguments});
        let wanted = [("webkitgtk:browserOptions".to_owned(), options)].into_iter().collect();
        let url = format!("http://127.0.0.1:{}", self.port);
        let opened = ClientBuilder::new(connector()).capabilities(wanted).connect(&url).await;
        let page = opened.with_context(|| format!("no window:\n{}", self.process.log_end()))?;
        // Dropping the last handle would otherwise close the window, and a test that kills the
        // program must find it open.
        page.persist().await?;
        let session = Session { page, app: self.app_pid(binary) };
        // A program with a window of fixed size keeps its size.
        let (width, height) = window_size();
        let _ = session.set_window(width, height).await;
        Ok(session)
    }

    /// Process id of the program under test, while it runs.
    #[must_use]
    pub fn app_pid(&self, binary: &Path) -> Option<u32> {
        let binary = binary.canonicalize().ok()?;
        let is_it = |pid: u32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == binary);
        descendants(self.process.pid()?).into_iter().map(|process| process.pid).find(|pid| is_it(*pid))
    }

    /// The output of the driver and the program under test.
    #[must_use]
    pub fn printed(&self) -> Vec<u8> {
        fs_err::read(self.process.log()).unwrap_or_default()
    }
}

async fn start_driver(folder: &Path, environment: &[(String, String)]) -> Result<(Process, u16)> {
    let driver = program("window", "WebKitWebDriver", "webkit2gtk-driver")?;
    let port = free_port()?;
    let mut starting = clean_command(driver, folder);
    starting.args(["--host=127.0.0.1", &format!("--port={port}")]).envs(environment.iter().cloned());
    let mut process = Process::start("WebKitWebDriver", &starting, Signal::Terminate, &folder.join("driver.log"))?;
    wait_for_port(&mut process, port, Duration::from_secs(15)).await?;
    Ok((process, port))
}

/// A connector that fails a request without an answer, so that a stuck driver ends the test.
fn connector() -> TimeoutConnector<HttpConnector> {
    let mut connector = TimeoutConnector::new(HttpConnector::new());
    connector.set_connect_timeout(Some(ANSWER_MAX));
    connector.set_read_timeout(Some(ANSWER_MAX));
    // Otherwise the limit would begin before the request, with the end of the previous answer.
    connector.set_reset_reader_on_write(true);
    connector
}

/// One open window.
#[derive(Debug)]
pub struct Session {
    page: Client,
    app: Option<u32>,
}

impl Session {
    /// The page in the window.
    #[must_use]
    pub fn page(&self) -> &Client {
        &self.page
    }

    /// Process id of the program under test.
    #[must_use]
    pub fn app_pid(&self) -> Option<u32> {
        self.app
    }

    /// Kills the program under test with SIGKILL and waits until it is gone. The driver then needs
    /// [`Driver::restart`].
    ///
    /// # Errors
    /// When its process id is unknown, or it does not end within ten seconds.
    pub async fn kill_app(self) -> Result<()> {
        let app = self.app.context("the process id of the program is not known")?;
        signal(app, Signal::Kill)?;
        let mut deadline = Deadline::after(Duration::from_secs(10));
        while std::fs::read(format!("/proc/{app}/cmdline")).is_ok_and(|line| !line.is_empty()) {
            deadline.pause("the program to be gone").await?;
        }
        Ok(())
    }

    /// Closes the window by ending the session.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn end(self) -> Result<()> {
        Ok(self.page.close().await?)
    }

    /// Runs the body of a function in the page and returns its value. The function only reads, or
    /// does no harm when it runs twice.
    ///
    /// # Errors
    /// When the function throws.
    pub async fn execute(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        match self.page.execute(script, arguments.to_vec()).await {
            Err(error) if error.to_string().contains(LOST_RESULT) => {
                Ok(self.page.execute(script, arguments.to_vec()).await?)
            }
            answer => Ok(answer?),
        }
    }

    /// Waits for two animation frames, so that the page has drawn its changes.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn settle(&self) -> Result<()> {
        let script = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(true)))";
        self.page.execute_async(script, Vec::new()).await?;
        Ok(())
    }

    /// Sets the size of the window, in pixels.
    ///
    /// # Errors
    /// When the window cannot be resized.
    pub async fn set_window(&self, width: u32, height: u32) -> Result<()> {
        Ok(self.page.set_window_rect(0, 0, width, height).await?)
    }

    /// Saves a screenshot of the window as a PNG file.
    ///
    /// # Errors
    /// When the driver returns no screenshot, or the file cannot be written.
    pub async fn screenshot(&self, file: &Path) -> Result<()> {
        Ok(fs_err::write(file, self.page.screenshot().await?)?)
    }
}
