//! The packets of git's protocol: four hex digits of length, then data (gitprotocol-common(5)).

use bytes::{Bytes, BytesMut};
use greenlight_engine::ports::PortResult;

use super::http::Answer;

/// Maximum length of a packet with its four digits (gitprotocol-common(5), pkt-line).
const LENGTH_MAX: usize = 65_520;
const DIGITS: usize = 4;

/// A packet of git's protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// Data of one packet, without the length.
    Line(Bytes),
    /// The end of a section.
    Flush,
}

/// The stream is no sequence of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoPacket;

/// Cuts a stream of bytes into packets. Holds at most one packet and one chunk of the network.
#[derive(Debug, Default)]
pub(super) struct Splitter(BytesMut);

impl Splitter {
    /// Adds bytes of the stream.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next packet. `None` when more bytes are needed.
    pub(super) fn next(&mut self) -> Result<Option<Packet>, NoPacket> {
        let Some(digits) = self.0.get(..DIGITS) else { return Ok(None) };
        let length = match std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+')) {
            Some(text) => usize::from_str_radix(text, 16).map_err(|_| NoPacket)?,
            None => return Err(NoPacket),
        };
        match length {
            0 => {
                let _digits = self.0.split_to(DIGITS);
                Ok(Some(Packet::Flush))
            }
            // 1 to 3 are marks of a version of the protocol that the app does not request.
            1..DIGITS => Err(NoPacket),
            _ if length > LENGTH_MAX => Err(NoPacket),
            _ if length > self.0.len() => Ok(None),
            _ => Ok(Some(Packet::Line(self.0.split_to(length).split_off(DIGITS).freeze()))),
        }
    }
}

/// The packets of an answer of the remote.
pub(super) struct Packets {
    answer: Answer,
    splitter: Splitter,
}

impl Packets {
    pub(super) fn of(answer: Answer) -> Self {
        Self { answer, splitter: Splitter::default() }
    }

    /// The answer, for failures about its content.
    pub(super) fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The next packet.
    ///
    /// # Errors
    /// The failures of [`Answer::chunk`]; `Unreachable` when the answer ends before its last
    /// packet; `UnreadableAnswer` when it has no packets.
    pub(super) async fn next(&mut self) -> PortResult<Packet> {
        loop {
            if let Some(packet) =
                self.splitter.next().map_err(|NoPacket| self.answer.unreadable("no packets of git"))?
            {
                return Ok(packet);
            }
            match self.answer.chunk().await? {
                Some(bytes) => self.splitter.add(&bytes),
                None => return Err(self.answer.broke_off()),
            }
        }
    }
}

/// Adds a packet to a request.
pub(super) fn add_line(request: &mut Vec<u8>, data: &[u8]) {
    request.extend_from_slice(format!("{:04x}", data.len() + DIGITS).as_bytes());
    request.extend_from_slice(data);
}

/// Ends a section of a request.
pub(super) fn add_flush(request: &mut Vec<u8>) {
    request.extend_from_slice(b"0000");
}

/// Part of a packet with a side band (gitprotocol-pack(5), side-band-64k).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Band {
    /// A part of the pack or of the report.
    Data(Bytes),
    /// Words of the server for a person.
    Words(Bytes),
    /// The server gave up, with its reason.
    GaveUp(Bytes),
    /// A packet without a band.
    Plain(Bytes),
}

impl Band {
    pub(super) fn of(line: &Bytes) -> Self {
        match line.first() {
            Some(1) => Self::Data(line.slice(1..)),
            Some(2) => Self::Words(line.slice(1..)),
            Some(3) => Self::GaveUp(line.slice(1..)),
            Some(_) | None => Self::Plain(line.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(pieces: &[&[u8]]) -> Result<Vec<Packet>, NoPacket> {
        let mut splitter = Splitter::default();
        let mut found = Vec::new();
        for piece in pieces {
            splitter.add(piece);
            while let Some(packet) = splitter.next()? {
                found.push(packet);
            }
        }
        Ok(found)
    }

    fn line(text: &'static str) -> Packet {
        Packet::Line(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn packets_are_found_however_the_stream_is_cut() {
        let stream = b"0008hi!\n0000000bsecond\n0004";
        let expected = vec![line("hi!\n"), Packet::Flush, line("second\n"), line("")];
        for at in 0..stream.len() {
            let (before, after) = stream.split_at(at);
            assert_eq!(packets(&[before, after]).as_ref(), Ok(&expected), "cut at {at}");
        }
    }

    #[test]
    fn a_stream_without_packets_is_refused() {
        for bad in ["PACK", "0001", "0003", "fff1", "ffff", "+012", "00 8", "<htm"] {
            assert_eq!(packets(&[bad.as_bytes()]), Err(NoPacket), "{bad}");
        }
        assert_eq!(packets(&[b"fff0"]), Ok(vec![]), "the longest packet is waited for");
    }

    #[test]
    fn a_written_packet_is_read_again() {
        let mut request = Vec::new();
        add_line(&mut request, b"done\n");
        add_flush(&mut request);
        assert_eq!(request, b"0009done\n0000");
        assert_eq!(packets(&[&request]), Ok(vec![line("done\n"), Packet::Flush]));
    }

    #[test]
    fn the_first_byte_names_the_band() {
        let band = |bytes: &'static [u8]| Band::of(&Bytes::from_static(bytes));
        assert_eq!(band(b"\x01PACK"), Band::Data(Bytes::from_static(b"PACK")));
        assert_eq!(band(b"\x02Counting"), Band::Words(Bytes::from_static(b"Counting")));
        assert_eq!(band(b"\x03no"), Band::GaveUp(Bytes::from_static(b"no")));
        assert_eq!(band(b"NAK\n"), Band::Plain(Bytes::from_static(b"NAK\n")));
        assert_eq!(band(b""), Band::Plain(Bytes::new()));
    }
}
