//! Drives the window from outside with Xvfb, WebKitWebDriver and the few W3C WebDriver calls that
//! the tests need. The program under test is the shipped binary. Its only special setting is
//! `TAURI_WEBVIEW_AUTOMATION`.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::folder::{lines_of, open_folder};
use super::process::{
    Deadline, Process, Signal, clean_command, descendants, free_port, program, signal, wait_for_port,
};

/// Size of the window in every test, in pixels.
pub const WINDOW: (u32, u32) = (1280, 800);

/// W3C WebDriver, section 11: the key of an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

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
    client: reqwest::Client,
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
        // GTK_THEME of the caller, because screenshots are reviewed in light and in dark.
        all.extend(std::env::var("GTK_THEME").ok().map(|theme| ("GTK_THEME".to_owned(), theme)));
        all.extend_from_slice(environment);
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(90)).build()?;
        let (process, port) = start_driver(folder.path(), &all).await?;
        Ok(Self { process, port, client, folder, environment: all })
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
        let wanted = json!({"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}});
        let base = format!("http://127.0.0.1:{}/session", self.port);
        let opened = command(&self.client, reqwest::Method::POST, &base, &wanted).await;
        let value = opened.with_context(|| format!("no window:\n{}", self.process.log_end()))?;
        let id = value["sessionId"].as_str().context("the driver gave no session id")?;
        let app = self.app_pid(binary);
        let session = Session { client: self.client.clone(), base: format!("{base}/{id}"), app };
        // A program with a window of fixed size keeps its size.
        let _ = session.set_window(WINDOW.0, WINDOW.1).await;
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

/// One open window.
#[derive(Debug)]
pub struct Session {
    client: reqwest::Client,
    base: String,
    app: Option<u32>,
}

/// One element of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    id: String,
}

impl Session {
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
        command(&self.client, reqwest::Method::DELETE, &self.base, &Value::Null).await.map(|_| ())
    }

    /// Opens an address.
    ///
    /// # Errors
    /// When the driver refuses.
    pub async fn go(&self, url: &str) -> Result<()> {
        self.post("url", &json!({"url": url})).await.map(|_| ())
    }

    /// The first element that matches a CSS selector now, if any.
    ///
    /// # Errors
    /// When the driver answers with another error.
    pub async fn find(&self, css: &str) -> Result<Option<Element>> {
        Ok(self.find_all(css).await?.into_iter().next())
    }

    /// Every element that matches a CSS selector now.
    ///
    /// # Errors
    /// When the driver answers with an error.
    pub async fn find_all(&self, css: &str) -> Result<Vec<Element>> {
        let found = self.post("elements", &json!({"using": "css selector", "value": css})).await?;
        let found = found.as_array().context("no list of elements")?;
        let id = |element: &Value| Some(Element { id: element[ELEMENT].as_str()?.to_owned() });
        Ok(found.iter().filter_map(id).collect())
    }

    /// Waits until an element matches a CSS selector, and returns the element.
    ///
    /// # Errors
    /// When no element matches within `limit`. The text has the content of the page.
    pub async fn wait_for(&self, css: &str, limit: Duration) -> Result<Element> {
        let end = Instant::now() + limit;
        loop {
            if let Ok(Some(element)) = self.find(css).await {
                return Ok(element);
            }
            self.pause(end, css).await?;
        }
    }

    /// Waits until the text of the page contains `text`.
    ///
    /// # Errors
    /// When the page does not contain it within `limit`. The text has the content of the page.
    pub async fn wait_for_text(&self, text: &str, limit: Duration) -> Result<()> {
        self.wait_for_text_in("body", text, limit).await.map(|_| ())
    }

    /// Waits until an element that matches `css` contains `text`, and returns the element.
    ///
    /// # Errors
    /// When no element does within `limit`. The text has the content of the page.
    pub async fn wait_for_text_in(&self, css: &str, text: &str, limit: Duration) -> Result<Element> {
        let end = Instant::now() + limit;
        loop {
            for element in self.find_all(css).await.unwrap_or_default() {
                if self.text(&element).await.is_ok_and(|shown| shown.contains(text)) {
                    return Ok(element);
                }
            }
            self.pause(end, &format!("{css} with {text:?}")).await?;
        }
    }

    /// Waits for an element and clicks it. Retries a click that the driver refuses because the page
    /// moves.
    ///
    /// # Errors
    /// When it cannot be clicked within `limit`.
    pub async fn click_on(&self, css: &str, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            let element = self.wait_for(css, end.saturating_duration_since(Instant::now())).await?;
            let enabled = self.is_enabled(&element).await.unwrap_or(false);
            if enabled && self.click(&element).await.is_ok() {
                return Ok(());
            }
            self.pause(end, &format!("{css} to be clickable")).await?;
        }
    }

    /// Waits until the button whose whole text is `label` is enabled, and clicks it.
    ///
    /// # Errors
    /// When there is no such button within `limit`.
    pub async fn press(&self, label: &str, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            for button in self.find_all("button, [role=button]").await.unwrap_or_default() {
                let fits = self.text(&button).await.is_ok_and(|text| text.trim() == label);
                if fits && self.is_enabled(&button).await.unwrap_or(false) && self.click(&button).await.is_ok() {
                    return Ok(());
                }
            }
            self.pause(end, &format!("an enabled button {label:?}")).await?;
        }
    }

    /// Waits for a field, empties it and types into it.
    ///
    /// # Errors
    /// When there is no such field within `limit`, or it accepts no text.
    pub async fn fill(&self, css: &str, text: &str, limit: Duration) -> Result<()> {
        let field = self.wait_for(css, limit).await?;
        self.clear(&field).await?;
        self.type_text(&field, text).await
    }

    /// Clicks an element.
    ///
    /// # Errors
    /// When the element is gone, hidden or covered.
    pub async fn click(&self, element: &Element) -> Result<()> {
        self.post(&format!("element/{}/click", element.id), &json!({})).await.map(|_| ())
    }

    /// Empties a field.
    ///
    /// # Errors
    /// When the field is gone or cannot be edited.
    pub async fn clear(&self, element: &Element) -> Result<()> {
        self.post(&format!("element/{}/clear", element.id), &json!({})).await.map(|_| ())
    }

    /// Types into an element, key by key.
    ///
    /// # Errors
    /// When the element is gone or accepts no keys.
    pub async fn type_text(&self, element: &Element, text: &str) -> Result<()> {
        self.post(&format!("element/{}/value", element.id), &json!({"text": text})).await.map(|_| ())
    }

    /// The visible text of an element.
    ///
    /// # Errors
    /// When the element is gone.
    pub async fn text(&self, element: &Element) -> Result<String> {
        let text = self.get(&format!("element/{}/text", element.id)).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// An attribute of an element, if it has one of that name.
    ///
    /// # Errors
    /// When the element is gone.
    pub async fn attribute(&self, element: &Element, name: &str) -> Result<Option<String>> {
        let value = self.get(&format!("element/{}/attribute/{name}", element.id)).await?;
        Ok(value.as_str().map(str::to_owned))
    }

    /// Whether a control is enabled.
    ///
    /// # Errors
    /// When the element is gone.
    pub async fn is_enabled(&self, element: &Element) -> Result<bool> {
        Ok(self.get(&format!("element/{}/enabled", element.id)).await?.as_bool().unwrap_or(false))
    }

    /// The whole text of the page.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn page_text(&self) -> Result<String> {
        let text = self.execute("return document.body ? document.body.innerText : ''", &[]).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Runs the body of a function in the page and returns its value.
    ///
    /// # Errors
    /// When the function throws.
    pub async fn execute(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        self.post("execute/sync", &json!({"script": script, "args": arguments})).await
    }

    /// Waits for two animation frames, so that the page has drawn its changes.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn settle(&self) -> Result<()> {
        let script = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(true)))";
        self.post("execute/async", &json!({"script": script, "args": []})).await.map(|_| ())
    }

    /// Title of the page.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn title(&self) -> Result<String> {
        Ok(self.get("title").await?.as_str().unwrap_or_default().to_owned())
    }

    /// Sets the size of the window, in pixels.
    ///
    /// # Errors
    /// When the window cannot be resized.
    pub async fn set_window(&self, width: u32, height: u32) -> Result<()> {
        self.post("window/rect", &json!({"x": 0, "y": 0, "width": width, "height": height})).await.map(|_| ())
    }

    /// Saves a screenshot of the window as a PNG file.
    ///
    /// # Errors
    /// When the driver returns no screenshot, or the file cannot be written.
    pub async fn screenshot(&self, file: &Path) -> Result<()> {
        let picture = self.get("screenshot").await?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(picture.as_str().context("no picture")?)?;
        Ok(fs_err::write(file, bytes)?)
    }

    async fn pause(&self, end: Instant, what: &str) -> Result<()> {
        if Instant::now() >= end {
            let shown = self.page_text().await.unwrap_or_else(|error| format!("(the page cannot be read: {error})"));
            bail!("waited for {what}; the page shows:\n{shown}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(())
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        command(&self.client, reqwest::Method::POST, &format!("{}/{path}", self.base), body).await
    }

    async fn get(&self, path: &str) -> Result<Value> {
        command(&self.client, reqwest::Method::GET, &format!("{}/{path}", self.base), &Value::Null).await
    }
}

async fn command(client: &reqwest::Client, method: reqwest::Method, url: &str, body: &Value) -> Result<Value> {
    let mut request = client.request(method, url);
    if !body.is_null() {
        request = request.json(body);
    }
    let answer = request.send().await?;
    let status = answer.status();
    let mut body: Value = answer.json().await.context("the driver's answer is not JSON")?;
    let value = body["value"].take();
    ensure!(status.is_success(), "the driver answered {status}: {} {}", value["error"], value["message"]);
    Ok(value)
}
