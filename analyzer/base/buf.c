/* SPDX-License-Identifier: MIT
 *
 * Growing buffer and integer formatting. A failed allocation is remembered, not reported at each call:
 * callers build a whole line and look at `failed` once.
 */
#include "base/buf.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>

bool tca_buf_grow(struct tca_buf *buf, size_t more)
{
    size_t room = buf->room ? buf->room : 256;
    while (room - buf->used < more)
        room *= 2;
    char *bytes = buf->failed ? NULL : tca_grow(buf->bytes, room, 1);
    if (!bytes) {
        tca_buf_done(buf);
        buf->failed = true;
        return false;
    }
    buf->bytes = bytes;
    buf->room = room;
    return true;
}

void tca_buf_done(struct tca_buf *buf)
{
    tca_free(buf->bytes);
    memset(buf, 0, sizeof *buf);
}

void tca_buf_reset(struct tca_buf *buf)
{
    buf->used = 0;
}

/* ---- digits ---- */

enum { DIGITS_MAX = 20 };

static void put_pair(char *at, unsigned below_100)
{
    static const char pair[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    memcpy(at, pair + 2 * below_100, 2);
}

/* Eight digits. */
static void put_eight(char *at, uint32_t below_10_8)
{
    uint32_t high = below_10_8 / 10000, low = below_10_8 % 10000;
    put_pair(at, high / 100);
    put_pair(at + 2, high % 100);
    put_pair(at + 4, low / 100);
    put_pair(at + 6, low % 100);
}

static unsigned digits_of(uint32_t below_10_8)
{
    uint32_t n = below_10_8;
    return n < 10000 ? 1 + (n >= 10) + (n >= 100) + (n >= 1000)
                     : 5 + (n >= 100000) + (n >= 1000000) + (n >= 10000000);
}

/* As many digits as it has, at a place with room for DIGITS_MAX; where they end. */
static char *put_u64(char *at, uint64_t value)
{
    enum { EIGHT = 100000000 };
    if (value >= EIGHT) {
        at = put_u64(at, value / EIGHT);
        put_eight(at, (uint32_t)(value % EIGHT));
        return at + 8;
    }
    uint32_t rest = (uint32_t)value;
    char *end = at + digits_of(rest), *digit = end;
    for (; rest >= 100; rest /= 100)
        put_pair(digit -= 2, rest % 100);
    if (rest >= 10)
        put_pair(digit - 2, rest);
    else
        digit[-1] = (char)('0' + rest);
    return end;
}

/* Nine digits. */
static void put_ns(char *at, uint32_t ns)
{
    put_eight(at, ns / 10);
    at[8] = (char)('0' + ns % 10);
}

/* A point and the first `digits` of nine; nothing of none. At a place with room for ten. */
static char *put_fraction(char *at, uint32_t ns, int digits)
{
    if (digits <= 0)
        return at;
    *at = '.';
    put_ns(at + 1, ns);
    return at + 1 + (digits > 9 ? 9 : digits);
}

static void written(struct tca_buf *buf, const char *end)
{
    buf->used = (size_t)(end - buf->bytes);
}

void tca_buf_digits(struct tca_buf *buf, uint64_t value)
{
    char *at = tca_buf_room(buf, DIGITS_MAX);
    if (at)
        written(buf, put_u64(at, value));
}

void tca_buf_i64(struct tca_buf *buf, int64_t value)
{
    if (value < 0)
        tca_buf_char(buf, '-');
    tca_buf_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void tca_buf_fmt(struct tca_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int need = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (need < 0 || !tca_buf_room(buf, (size_t)need + 1))
        return;
    va_start(args, format);
    vsnprintf(buf->bytes + buf->used, (size_t)need + 1, format, args);
    va_end(args);
    buf->used += (size_t)need;
}

void tca_buf_seconds(struct tca_buf *buf, int64_t ns, int digits)
{
    enum { SECOND = 1000000000 };
    static const char nothing[] = "0.000000000";
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    char *at = tca_buf_room(buf, 1 + DIGITS_MAX + 10);
    if (!at)
        return;
    if (!ns) { /* many are */
        memcpy(at, nothing, sizeof nothing - 1);
        written(buf, at + 1 + (digits <= 0 ? 0 : 1 + (digits > 9 ? 9 : digits)));
        return;
    }
    if (ns < 0)
        *at++ = '-';
    at = put_u64(at, size / SECOND);
    written(buf, put_fraction(at, (uint32_t)(size % SECOND), digits));
}

/* Days since 1970-01-01 to a civil date, by 400-year eras; the inverse of counting days from 1 March. */
static void civil_date(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned doe = (unsigned)(days - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *ret_day = doy - (153 * mp + 2) / 5 + 1;
    *ret_month = mp < 10 ? mp + 3 : mp - 9;
    *ret_year = (int64_t)yoe + era * 400 + (*ret_month <= 2);
}

void tca_buf_iso(struct tca_buf *buf, int64_t epoch_ns, int digits)
{
    int64_t seconds = epoch_ns / 1000000000;
    int64_t ns = epoch_ns % 1000000000;
    if (ns < 0) {
        ns += 1000000000;
        seconds--;
    }
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int64_t year;
    unsigned month, day, second = (unsigned)rest;
    civil_date(days, &year, &month, &day); /* from 1677 to 2262, as far as 64 bits of nanoseconds reach */
    char *at = tca_buf_room(buf, sizeof "YYYY-MM-DDTHH:MM:SS.123456789Z");
    if (!at)
        return;
    memcpy(at, "YYYY-MM-DDTHH:MM:SS", 19);
    put_pair(at, (unsigned)year / 100);
    put_pair(at + 2, (unsigned)year % 100);
    put_pair(at + 5, month);
    put_pair(at + 8, day);
    put_pair(at + 11, second / 3600);
    put_pair(at + 14, second / 60 % 60);
    put_pair(at + 17, second % 60);
    at = put_fraction(at + 19, (uint32_t)ns, digits);
    *at++ = 'Z';
    written(buf, at);
}

/* ---- addresses ---- */

static char *put_ip4(char *at, const uint8_t addr[4])
{
    for (int byte = 0; byte < 4; byte++) {
        at = put_u64(at, addr[byte]);
        *at++ = '.';
    }
    return at - 1;
}

static char *put_hex(char *at, unsigned word)
{
    static const char digit[] = "0123456789abcdef";
    for (int shift = word > 0xfff ? 12 : word > 0xff ? 8 : word > 0xf ? 4 : 0; shift >= 0; shift -= 4)
        *at++ = digit[word >> shift & 0xf];
    return at;
}

/* The longest run of at least two zero words, the first of equals; length 0: there is none. */
static unsigned zero_run(const uint16_t word[8], unsigned *ret_length)
{
    unsigned best = 8, most = 1;
    for (unsigned at = 0, length; at < 8; at += length + 1) {
        for (length = 0; at + length < 8 && !word[at + length]; length++)
            ;
        if (length > most) {
            most = length;
            best = at;
        }
    }
    *ret_length = best < 8 ? most : 0;
    return best;
}

/* RFC 5952; the forms that embed an IPv4 address end in it, as inet_ntop() has them. */
static char *put_ip6(char *at, const uint8_t addr[16])
{
    uint16_t word[8];
    for (unsigned i = 0; i < 8; i++)
        word[i] = (uint16_t)(addr[2 * i] << 8 | addr[2 * i + 1]);
    unsigned length, run = zero_run(word, &length);
    bool embeds = run == 0 && (length == 6 || (length == 5 && word[5] == 0xffff));
    for (unsigned i = 0; i < 8; i++) {
        if (i == run) {
            *at++ = ':';
            i += length - 1;
            if (i == 7)
                *at++ = ':';
            continue;
        }
        if (i)
            *at++ = ':';
        if (i == 6 && embeds)
            return put_ip4(at, addr + 12);
        at = put_hex(at, word[i]);
    }
    return at;
}

void tca_buf_ip(struct tca_buf *buf, const uint8_t addr[16], int family)
{
    enum { IP_MAX = 64 };
    char *at = tca_buf_room(buf, IP_MAX);
    if (at)
        written(buf, family == 4 ? put_ip4(at, addr + 12) : put_ip6(at, addr));
}

const char *tca_buf_text(struct tca_buf *buf)
{
    char *end = tca_buf_room(buf, 1);
    if (!end)
        return "";
    *end = '\0';
    return buf->bytes;
}
