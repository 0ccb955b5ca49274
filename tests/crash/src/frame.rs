//! Messages on a stream: four bytes of length, then JSON.

use std::io::{Error, ErrorKind, Read, Result, Write};

use serde_json::Value;

/// Largest message in bytes.
const BYTES_MAX: u32 = 16 * 1024 * 1024;

/// Writes a message in one call.
///
/// # Errors
/// When the other end is closed, or the message is too long.
pub fn write(mut stream: impl Write, message: &Value) -> Result<()> {
    let text = message.to_string();
    let length = u32::try_from(text.len()).ok().filter(|length| *length <= BYTES_MAX);
    let length = length.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the message is too long"))?;
    let mut bytes = Vec::with_capacity(text.len() + 4);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    stream.write_all(&bytes)
}

/// Reads a message.
///
/// # Errors
/// When the other end is closed, or the data is no message.
pub fn read(mut stream: impl Read) -> Result<Value> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > BYTES_MAX {
        return Err(Error::new(ErrorKind::InvalidData, "the message is too long"));
    }
    let mut bytes = vec![0; length as usize];
    stream.read_exact(&mut bytes)?;
    serde_json::from_slice(&bytes).map_err(Error::from)
}
