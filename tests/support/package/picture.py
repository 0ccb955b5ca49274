"""A picture of a window: reads what xwd writes, and writes PNG.

Reads only pictures of 32 bits for each point, as Xvfb makes them.
"""

import struct
import zlib


class Picture:
    def __init__(self, width, height, rows):
        self.width, self.height, self.rows = width, height, rows

    def colours(self):
        """How many different colours the points have."""
        whole = b"".join(self.rows)
        return len(set(struct.iter_unpack("3s", whole)))

    def write(self, path):
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        points = zlib.compress(b"".join(b"\0" + row for row in self.rows))
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", points) + chunk(b"IEND", b"")
        )


def read(dump):
    """The picture in the output of xwd. None when it is of another kind."""
    if len(dump) < 100:
        return None
    head = struct.unpack(">25I", dump[:100])
    header_size, width, height, order = head[0], head[4], head[5], head[7]
    bits, line, colours = head[11], head[12], head[19]
    if bits != 32 or order != 0:
        return None
    points = dump[header_size + 12 * colours :]
    rows = []
    for at in range(0, line * height, line):
        row = points[at : at + 4 * width]
        colour = bytearray(3 * width)
        # Stored as blue, green, red, nothing.
        colour[0::3], colour[1::3], colour[2::3] = row[2::4], row[1::4], row[0::4]
        rows.append(bytes(colour))
    return Picture(width, height, rows)
