//! Checks a pack while it arrives, before libgit2 gets it (gitformat-pack(5)).
//!
//! libgit2 reserves memory for the sizes that a pack claims, so a pack of 100 bytes could take all
//! memory. Here a pack may claim only limited sizes, and each object has the size that it claims.

use flate2::{Decompress, FlushDecompress, Status};

/// Maximum size of an object, in bytes. GitHub refuses files over 100 MiB
/// (docs.github.com, About large files on GitHub). libgit2 holds up to three objects at once.
pub(super) const OBJECT_MAX: u64 = 128 * 1024 * 1024;
const HEADER: usize = 12;
/// Length of an id, in bytes.
const ID: u32 = 20;
/// Maximum length of the two sizes at the start of a delta, in bytes.
const DELTA_HEAD: usize = 20;
const SCRATCH: usize = 32 * 1024;

/// Why a pack is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadPack {
    /// It has more objects than allowed.
    Objects,
    /// An object is larger than [`OBJECT_MAX`].
    Object,
    /// It has another format.
    Format,
}

/// Reads a pack in pieces.
pub(super) struct PackCheck {
    objects_max: u32,
    place: Place,
    /// Objects that are still to come.
    left: u32,
    entry: Entry,
    /// Bytes of the header, then of the start of each delta.
    held: Vec<u8>,
    inflate: Decompress,
    scratch: Box<[u8]>,
}

/// Part of the pack that comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    /// Type and size of an object.
    Size,
    /// Id of the base of a delta: bytes that are left.
    BaseId(u32),
    /// Distance to the base of a delta: bytes so far.
    BaseOffset(u32),
    Data,
    /// The checksum, which libgit2 compares.
    End,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    kind: u8,
    size: u64,
    /// Bits of the size so far. 0 before the first byte.
    bits: u32,
}

impl Entry {
    fn is_delta(self) -> bool {
        matches!(self.kind, 6 | 7)
    }
}

impl PackCheck {
    pub(super) fn new(objects_max: u32) -> Self {
        Self {
            objects_max,
            place: Place::Header,
            left: 0,
            entry: Entry::default(),
            held: Vec::with_capacity(DELTA_HEAD),
            inflate: Decompress::new(true),
            scratch: vec![0; SCRATCH].into_boxed_slice(),
        }
    }

    /// Checks the next bytes of the pack.
    ///
    /// # Errors
    /// Why the pack is refused. The bytes may not be given to libgit2 then.
    pub(super) fn check(&mut self, mut bytes: &[u8]) -> Result<(), BadPack> {
        while let Some((byte, rest)) = bytes.split_first() {
            match self.place {
                Place::Header => {
                    self.held.push(*byte);
                    bytes = rest;
                    if self.held.len() == HEADER {
                        self.begin()?;
                    }
                }
                Place::Size => {
                    bytes = rest;
                    self.add_size(*byte)?;
                }
                Place::BaseId(left) => {
                    bytes = rest;
                    self.place = if left > 1 { Place::BaseId(left - 1) } else { Place::Data };
                }
                Place::BaseOffset(so_far) => {
                    bytes = rest;
                    self.place = match (byte & 0x80 != 0, so_far) {
                        (false, _) => Place::Data,
                        (true, 0..9) => Place::BaseOffset(so_far + 1),
                        (true, _) => return Err(BadPack::Format),
                    };
                }
                Place::Data => bytes = self.inflate(bytes)?,
                Place::End => return Ok(()),
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), BadPack> {
        let number = |at: usize| {
            let bytes = self.held.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u32::from_be_bytes).ok_or(BadPack::Format)
        };
        if !self.held.starts_with(b"PACK") || !matches!(number(4)?, 2 | 3) {
            return Err(BadPack::Format);
        }
        let objects = number(8)?;
        if objects > self.objects_max {
            return Err(BadPack::Objects);
        }
        self.left = objects;
        self.next_object();
        Ok(())
    }

    fn next_object(&mut self) {
        self.place = if self.left == 0 { Place::End } else { Place::Size };
        self.left = self.left.saturating_sub(1);
        self.entry = Entry::default();
        self.held.clear();
        self.inflate.reset(true);
    }

    /// The first byte has the type and 4 bits of the size, each further byte has 7 bits.
    fn add_size(&mut self, byte: u8) -> Result<(), BadPack> {
        let entry = &mut self.entry;
        if entry.bits == 0 {
            (entry.kind, entry.size, entry.bits) = ((byte >> 4) & 7, u64::from(byte & 15), 4);
        } else if entry.bits > 53 {
            return Err(BadPack::Object);
        } else {
            entry.size |= u64::from(byte & 0x7f) << entry.bits;
            entry.bits += 7;
        }
        if byte & 0x80 != 0 {
            return Ok(());
        }
        if entry.size > OBJECT_MAX {
            return Err(BadPack::Object);
        }
        self.place = match entry.kind {
            1..=4 => Place::Data,
            6 => Place::BaseOffset(0),
            7 => Place::BaseId(ID),
            _ => return Err(BadPack::Format),
        };
        Ok(())
    }

    /// Reads compressed data of one object. Returns the bytes behind it.
    fn inflate<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8], BadPack> {
        loop {
            let (read, made) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(bytes, &mut self.scratch, FlushDecompress::None)
                .map_err(|_| BadPack::Format)?;
            let read = usize::try_from(self.inflate.total_in() - read).map_err(|_| BadPack::Format)?;
            let made = usize::try_from(self.inflate.total_out() - made).map_err(|_| BadPack::Format)?;
            bytes = bytes.get(read..).ok_or(BadPack::Format)?;
            self.look(made)?;
            if status == Status::StreamEnd {
                self.check_end()?;
                self.next_object();
                return Ok(bytes);
            }
            if bytes.is_empty() && made < SCRATCH {
                return Ok(bytes);
            }
            if read == 0 && made == 0 {
                return Err(BadPack::Format);
            }
        }
    }

    /// Looks at the inflated bytes in the scratch buffer.
    fn look(&mut self, made: usize) -> Result<(), BadPack> {
        if self.inflate.total_out() > self.entry.size {
            return Err(BadPack::Format);
        }
        if self.entry.is_delta() && self.held.len() < DELTA_HEAD {
            let room = DELTA_HEAD - self.held.len();
            self.held.extend_from_slice(&self.scratch[..made.min(room)]);
        }
        Ok(())
    }

    fn check_end(&self) -> Result<(), BadPack> {
        if self.inflate.total_out() != self.entry.size {
            return Err(BadPack::Format);
        }
        if !self.entry.is_delta() {
            return Ok(());
        }
        let (_base, rest) = delta_size(&self.held)?;
        let (made, _) = delta_size(rest)?;
        if made > OBJECT_MAX { Err(BadPack::Object) } else { Ok(()) }
    }
}

/// A size at the start of a delta, and the bytes behind it. Each byte has 7 bits.
fn delta_size(bytes: &[u8]) -> Result<(u64, &[u8]), BadPack> {
    let mut size = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        size |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((size, bytes.get(at + 1..).unwrap_or_default()));
        }
    }
    Err(BadPack::Format)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;

    /// Type and size of an object, as in a pack.
    fn head(kind: u8, size: u64) -> Vec<u8> {
        let mut rest = size >> 4;
        let mut bytes = vec![(kind << 4) | (size & 15) as u8];
        while rest > 0 {
            *bytes.last_mut().expect("a byte") |= 0x80;
            bytes.push((rest & 0x7f) as u8);
            rest >>= 7;
        }
        bytes
    }

    fn varint(mut number: u64) -> Vec<u8> {
        let mut bytes = vec![];
        while number > 0x7f {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    fn zlib(data: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).expect("compressed");
        encoder.finish().expect("compressed")
    }

    fn pack(claimed: u32, objects: &[Vec<u8>]) -> Vec<u8> {
        let head = [b"PACK".as_slice(), &2_u32.to_be_bytes(), &claimed.to_be_bytes()].concat();
        [head, objects.concat(), vec![0; 20]].concat()
    }

    fn object(kind: u8, claimed: u64, data: &[u8]) -> Vec<u8> {
        [head(kind, claimed), zlib(data)].concat()
    }

    fn delta(base: u64, made: u64) -> Vec<u8> {
        let data = [varint(base), varint(made), b"\x01x".to_vec()].concat();
        [head(7, data.len() as u64), vec![7; 20], zlib(&data)].concat()
    }

    /// The verdict about a pack that arrives in pieces of `piece` bytes.
    fn verdict(pack: &[u8], piece: usize) -> Result<(), BadPack> {
        let mut check = PackCheck::new(3);
        pack.chunks(piece).try_for_each(|bytes| check.check(bytes))?;
        if check.place == Place::End { Ok(()) } else { Err(BadPack::Format) }
    }

    #[test]
    fn a_good_pack_passes_in_pieces_of_any_size() {
        let large = vec![b'a'; 100_000];
        let offset = [head(6, 4), vec![0x81, 0x00], zlib(b"\x01\x01\x01x")].concat();
        let good = pack(3, &[object(3, 100_000, &large), delta(100_000, 1), offset]);
        for piece in [1, 7, 4096, good.len()] {
            assert_eq!(verdict(&good, piece), Ok(()), "{piece}");
        }
        assert_eq!(verdict(&pack(1, &[object(3, 0, b"")]), 1), Ok(()));
        assert_eq!(verdict(&pack(0, &[]), 5), Ok(()));
    }

    #[test]
    fn a_pack_with_too_many_objects_is_refused_at_its_header() {
        assert_eq!(verdict(&pack(4, &[]), 12), Err(BadPack::Objects));
        assert_eq!(verdict(&pack(u32::MAX, &[]), 1), Err(BadPack::Objects));
    }

    #[test]
    fn an_object_over_the_limit_is_refused_at_its_size() {
        for kind in [1, 2, 3, 4, 6, 7] {
            for size in [OBJECT_MAX + 1, 1 << 40, u64::MAX] {
                assert_eq!(verdict(&pack(1, &[head(kind, size)]), 64), Err(BadPack::Object), "{kind} {size}");
            }
        }
        assert_eq!(verdict(&pack(1, &[delta(10, OBJECT_MAX + 1)]), 3), Err(BadPack::Object));
    }

    #[test]
    fn an_object_has_the_size_that_it_claims() {
        assert_eq!(verdict(&pack(1, &[object(3, 5, b"123456")]), 64), Err(BadPack::Format), "more");
        assert_eq!(verdict(&pack(1, &[object(3, 7, b"123456")]), 64), Err(BadPack::Format), "less");
    }

    #[test]
    fn another_format_is_refused() {
        let kind = |kind| pack(1, &[object(kind, 1, b"x")]);
        let no_delta = pack(1, &[[head(7, 1), vec![7; 20], zlib(b"\xff")].concat()]);
        let far = pack(1, &[[head(6, 1), vec![0xff; 20]].concat()]);
        let no_zlib = pack(1, &[[head(3, 9), vec![1; 30]].concat()]);
        for (name, bad) in [("0", kind(0)), ("5", kind(5)), ("delta", no_delta), ("far", far), ("zlib", no_zlib)] {
            assert_eq!(verdict(&bad, 64), Err(BadPack::Format), "{name}");
        }
        assert_eq!(verdict(b"KCAP\0\0\0\x02\0\0\0\0", 64), Err(BadPack::Format));
        assert_eq!(verdict(b"PACK\0\0\0\x09\0\0\0\0", 64), Err(BadPack::Format));
    }
}
