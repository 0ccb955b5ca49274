//! The environment variables that the app starts with. Some of them load the code of somebody
//! else, open an inspector of the page, or decide which certificates are trusted. On Linux any
//! program of the session can set them for the others. A library that was loaded into this program
//! before `main` is not stopped.

#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux has such variables"))]

#[cfg(target_os = "linux")]
use std::ffi::OsString;

/// Beginnings of the names of variables that the app starts without.
const DROPPED: [&str; 14] = [
    "LD_",
    "GTK_MODULES",
    "GTK3_MODULES",
    "GTK_PATH",
    "GTK_EXE_PREFIX",
    "GTK_IM_MODULE_FILE",
    "GDK_PIXBUF_MODULE",
    "GIO_EXTRA_MODULES",
    "GIO_MODULE_DIR",
    "GCONV_PATH",
    "GST_PLUGIN",
    "WEBKIT_INSPECTOR",
    "SSL_CERT_",
    "TAURI_",
];
/// Opens the window for a WebDriver.
const AUTOMATION: &str = "TAURI_WEBVIEW_AUTOMATION";
/// A debug build keeps them, for the tests of the window: the WebDriver of WebKitGTK connects to
/// the page by the address of its inspector.
const AUTOMATED: [&str; 2] = [AUTOMATION, "WEBKIT_INSPECTOR_SERVER"];
/// WebKitGTK draws nothing on some graphics drivers unless this variable is set before GTK starts.
#[cfg(target_os = "linux")]
const NO_DMABUF: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

fn is_dropped(name: &str, is_debug_build: bool) -> bool {
    let is_kept = is_debug_build && AUTOMATED.contains(&name);
    !is_kept && DROPPED.iter().any(|start| name.starts_with(start))
}

/// Starts the program once more, in its own place, when the environment is not the one that it
/// wants: setting a variable of a running process is unsafe. Returns when nothing has to change, or
/// when a debug build could not start once more. A released build ends then.
#[cfg(target_os = "linux")]
pub fn start_clean() {
    use std::os::unix::process::CommandExt as _;
    let is_unwanted = |name: &OsString| name.to_str().is_some_and(|name| is_dropped(name, cfg!(debug_assertions)));
    let dropped: Vec<OsString> = std::env::vars_os().map(|(name, _)| name).filter(is_unwanted).collect();
    // With the variable set, WebKitGTK 2.50 never answers a WebDriver request for a screenshot.
    let is_automated = cfg!(debug_assertions) && std::env::var_os(AUTOMATION).is_some();
    let wants_no_dmabuf = !is_automated && std::env::var_os(NO_DMABUF).is_none();
    if dropped.is_empty() && !wants_no_dmabuf {
        return;
    }
    let error = match std::env::current_exe() {
        Ok(program) => {
            let mut again = std::process::Command::new(program);
            again.args(std::env::args_os().skip(1));
            for name in &dropped {
                again.env_remove(name);
            }
            if wants_no_dmabuf {
                again.env(NO_DMABUF, "1");
            }
            again.exec()
        }
        Err(error) => error,
    };
    crate::complain(&format!("failed to start once more without {dropped:?}: {error}"));
    if !dropped.is_empty() && !cfg!(debug_assertions) {
        std::process::exit(1);
    }
}

/// No such variable is known on other systems.
#[cfg(not(target_os = "linux"))]
pub fn start_clean() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_what_loads_code_opens_the_page_or_decides_who_is_believed() {
        for name in [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "LD_AUDIT",
            "GTK_MODULES",
            "WEBKIT_INSPECTOR_HTTP_SERVER",
            "WEBKIT_INSPECTOR_SERVER",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "GDK_PIXBUF_MODULE_FILE",
            "GIO_MODULE_DIR",
            "TAURI_AUTOMATION",
        ] {
            assert!(is_dropped(name, false), "{name}");
            assert_eq!(is_dropped(name, true), !AUTOMATED.contains(&name), "{name}");
        }
        for name in
            ["PATH", "HOME", "DISPLAY", "GTK_THEME", "WEBKIT_DISABLE_DMABUF_RENDERER", "DBUS_SESSION_BUS_ADDRESS"]
        {
            assert!(!is_dropped(name, false), "{name}");
        }
        assert!(is_dropped(AUTOMATION, false) && !is_dropped(AUTOMATION, true));
    }
}
