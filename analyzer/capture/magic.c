/* SPDX-License-Identifier: MIT
 *
 * File magics. pcap and pcapng as in the IETF drafts draft-ietf-opsawg-pcap and -pcapng, with the two old
 * variants that libpcap reads as well.
 */
#include "capture/magic.h"

#include <string.h>
#include <strings.h>

#define BYTES(literal) .bytes = (literal), .len = sizeof(literal) - 1

#define CLASSIC(magic, precision)                                                                            \
    {                                                                                                        \
        MAGIC_PCAP, BYTES(magic), .format = "pcap", .hint = (precision), .record_header_len = 16,            \
                                  .plain = true                                                              \
    }
#define PATCHED(magic, precision, record_len)                                                                \
    {                                                                                                        \
        MAGIC_PCAP, BYTES(magic), .format = "pcap", .hint = (precision), .record_header_len = (record_len)   \
    }

static const struct tca_magic magics[] = {
    CLASSIC("\xd4\xc3\xb2\xa1", "us"),
    CLASSIC("\xa1\xb2\xc3\xd4", "us"),
    CLASSIC("\x4d\x3c\xb2\xa1", "ns"),
    CLASSIC("\xa1\xb2\x3c\x4d", "ns"),
    PATCHED("\x34\xcd\xb2\xa1", "us", 24), /* Kuznetzov's patches */
    PATCHED("\xa1\xb2\xcd\x34", "us", 24),
    PATCHED("\x4d\x3c\x2b\xa1", "us", 16), /* Navtel */
    PATCHED("\xa1\x2b\x3c\x4d", "us", 16),
    {MAGIC_PCAPNG, BYTES("\x0a\x0d\x0d\x0a"), .format = "pcapng", .hint = ""},
    {MAGIC_COMPRESSED, BYTES("\x1f\x8b"), .format = "gzip", .hint = "gzip -dc"},
    {MAGIC_COMPRESSED, BYTES("\x28\xb5\x2f\xfd"), .format = "zstd", .hint = "zstd -dc"},
    {MAGIC_COMPRESSED,
     BYTES("\xfd"
           "7zXZ\0"),
     .format = "xz", .hint = "xz -dc"},
    {MAGIC_COMPRESSED, BYTES("BZh"), .format = "bzip2", .hint = "bzip2 -dc"},
    {MAGIC_COMPRESSED, BYTES("\x04\x22\x4d\x18"), .format = "lz4", .hint = "lz4 -dc"},
    {MAGIC_ARCHIVE, BYTES("PK\x03\x04"), .format = "zip", .hint = "unzip -p"},
    {MAGIC_ARCHIVE, BYTES("7z\xbc\xaf\x27\x1c"), .format = "7z", .hint = "7z x -so"},
    {MAGIC_ARCHIVE, BYTES("ustar"), .offset = 257, .format = "tar", .hint = "tar -xOf"},
    {MAGIC_FOREIGN, BYTES("snoop\0\0\0"), .format = "snoop", .hint = "editcap -F pcap"},
    {MAGIC_FOREIGN, BYTES("RTSS"), .format = "netmon", .hint = "editcap -F pcap"},
    {MAGIC_FOREIGN, BYTES("GMBU"), .format = "netmon", .hint = "editcap -F pcap"},
    {MAGIC_FOREIGN, BYTES("TRSNIFF data"), .format = "sniffer", .hint = "editcap -F pcap"},
};

/* Each row asks for no more bytes than it needs: a pipe may hold back the rest. */
const struct tca_magic *tca_magic_sniff(struct tca_stream *stream)
{
    const uint8_t *bytes;

    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        const struct tca_magic *magic = &magics[i];
        size_t need = (size_t)magic->offset + magic->len;

        if (tca_stream_peek(stream, need, &bytes) == need &&
            memcmp(bytes + magic->offset, magic->bytes, magic->len) == 0)
            return magic;
    }
    return NULL;
}

const struct tca_magic *tca_magic_of(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        const struct tca_magic *magic = &magics[i];

        if ((size_t)magic->offset + magic->len <= count &&
            memcmp(bytes + magic->offset, magic->bytes, magic->len) == 0)
            return magic;
    }
    return NULL;
}

bool tca_magic_is_packed(const struct tca_magic *magic)
{
    return magic && (magic->kind == MAGIC_COMPRESSED || magic->kind == MAGIC_ARCHIVE);
}

bool tca_magic_is_classic_start(const uint8_t bytes[8])
{
    static const uint8_t little[4] = {2, 0, 4, 0}, big[4] = {0, 2, 0, 4}; /* version 2.4 */

    for (size_t i = 0; magics[i].kind == MAGIC_PCAP; i++)
        if (memcmp(bytes, magics[i].bytes, 4) == 0)
            return memcmp(bytes + 4, bytes[0] == 0xa1 ? big : little, 4) == 0;
    return false;
}

/* Time zone and accuracy are 0, and stand where a record has its lengths: it would be one without bytes. */
bool tca_magic_is_classic(const uint8_t bytes[16])
{
    static const uint8_t zeros[8];

    return tca_magic_is_classic_start(bytes) && memcmp(bytes + 8, zeros, sizeof zeros) == 0;
}

/* The byte-order mark stands where a record has its captured length, and exceeds every limit there. */
bool tca_magic_is_section(const uint8_t bytes[16])
{
    return memcmp(bytes, "\x0a\x0d\x0d\x0a", 4) == 0 &&
           (memcmp(bytes + 8, "\x1a\x2b\x3c\x4d", 4) == 0 || memcmp(bytes + 8, "\x4d\x3c\x2b\x1a", 4) == 0);
}

/* ---- names ---- */

/* Its length without this ending; the same where it has another. */
static size_t without(const char *name, size_t length, const char *ending)
{
    size_t size = strlen(ending);
    return length > size && !strncasecmp(name + length - size, ending, size) ? length - size : length;
}

static size_t without_any(const char *name, size_t length, const char *const *ending)
{
    for (; *ending; ending++)
        if (without(name, length, *ending) < length)
            return without(name, length, *ending);
    return length;
}

bool tca_magic_is_named_capture(const char *name)
{
    static const char *const packed[] = {".gz", ".zst", ".xz", ".bz2", ".lz4", NULL};
    static const char *const ending[] = {".pcap", ".pcapng", ".cap", NULL};
    const char *slash = strrchr(name, '/');
    if (!strncmp(slash ? slash + 1 : name, "._", 2))
        return false; /* what macOS puts beside each file of an archive */
    size_t length = without_any(name, strlen(name), packed), end = length;
    while (end && name[end - 1] >= '0' && name[end - 1] <= '9')
        end--;
    bool numbered = end && end < length && strchr(".-_", name[end - 1]);
    return without_any(name, end, ending) < end || (numbered && without_any(name, end - 1, ending) < end - 1);
}
