/* SPDX-License-Identifier: MIT
 *
 * A growing byte buffer and the number formats of the reports. Formatting is by integers only: no locale, no
 * time zone, no floating point, so the same values always give the same bytes.
 */
#ifndef TCA_BASE_BUF_H
#define TCA_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct tca_buf {
    char *bytes; /* owned; not terminated, see tca_buf_text */
    size_t used, room;
    bool
        failed; /* memory ran out: it stays empty, later appends do nothing, the owner checks once at the end */
};

void tca_buf_done(struct tca_buf *buf);
void tca_buf_reset(struct tca_buf *buf); /* empties, keeps the memory and `failed` */
/* Make room for so many more bytes; false where memory ran out. */
bool tca_buf_grow(struct tca_buf *buf, size_t more);

/* Room for so many more bytes, whose writer adds them to `used`: up to the next call. NULL where memory ran out. */
static inline void *tca_buf_room(struct tca_buf *buf, size_t more)
{
    return buf->room - buf->used >= more || tca_buf_grow(buf, more) ? buf->bytes + buf->used : NULL;
}

/* What was appended since so many bytes were used: not terminated, borrowed until the next call. */
static inline const char *tca_buf_since(const struct tca_buf *buf, size_t used)
{
    return buf->used > used ? buf->bytes + used : "";
}

static inline void tca_buf_add(struct tca_buf *buf, const void *bytes, size_t count)
{
    char *room = count ? tca_buf_room(buf, count) : NULL;
    if (!room)
        return;
    memcpy(room, bytes, count);
    buf->used += count;
}

static inline void tca_buf_str(struct tca_buf *buf, const char *text)
{
    tca_buf_add(buf, text, strlen(text));
}

static inline void tca_buf_char(struct tca_buf *buf, char c)
{
    char *room = tca_buf_room(buf, 1);
    if (!room)
        return;
    *room = c;
    buf->used++;
}

/* A name of ours, short and with its length, so that to append it is no call. Terminated. */
struct tca_word {
    char text[15];
    uint8_t length;
};
#define TCA_WORD(name)                                                                                       \
    {                                                                                                        \
        name, sizeof(name) - 1                                                                               \
    }

static inline void tca_buf_word(struct tca_buf *buf, const struct tca_word *word)
{
    char *room = tca_buf_room(buf, sizeof word->text);
    if (!room)
        return;
    memcpy(room, word->text, sizeof word->text);
    buf->used += word->length;
}

void tca_buf_digits(struct tca_buf *buf, uint64_t value);

/* Most numbers of a row have one digit. */
static inline void tca_buf_u64(struct tca_buf *buf, uint64_t value)
{
    if (value < 10)
        tca_buf_char(buf, (char)('0' + value));
    else
        tca_buf_digits(buf, value);
}

void tca_buf_i64(struct tca_buf *buf, int64_t value);
void tca_buf_fmt(struct tca_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Nanoseconds as decimal seconds with `digits` (0 to 9) digits, cut, not rounded: 1500000000 ->
 * "1.500000000". */
void tca_buf_seconds(struct tca_buf *buf, int64_t ns, int digits);
/* ISO 8601 in UTC: 2023-11-14T22:13:20.123456789Z; `digits` of the fraction, 0 to 9. Any int64 is printed. */
void tca_buf_iso(struct tca_buf *buf, int64_t epoch_ns, int digits);
/* An address kept as 16 bytes: dotted for family 4 (::ffff:a.b.c.d), RFC 5952 text for family 6. */
void tca_buf_ip(struct tca_buf *buf, const uint8_t addr[16], int family);

/* The text so far, terminated; "" when empty or failed. Valid until the next append. */
const char *tca_buf_text(struct tca_buf *buf);

#endif
