/* SPDX-License-Identifier: MIT
 *
 * Growing buffer and integer formatting. A failed allocation is remembered, not reported at each call:
 * callers build a whole line and look at `failed` once.
 */
#include "base/buf.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static bool make_room(struct tca_buf *buf, size_t more)
{
    if (buf->failed)
        return false;
    if (buf->room - buf->used >= more)
        return true;
    size_t room = buf->room ? buf->room : 256;
    while (room - buf->used < more)
        room *= 2;
    char *bytes = tca_grow(buf->bytes, room, 1);
    if (!bytes) {
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

void tca_buf_add(struct tca_buf *buf, const void *bytes, size_t count)
{
    if (!count || !make_room(buf, count))
        return;
    memcpy(buf->bytes + buf->used, bytes, count);
    buf->used += count;
}

void tca_buf_str(struct tca_buf *buf, const char *text)
{
    tca_buf_add(buf, text, strlen(text));
}

void tca_buf_char(struct tca_buf *buf, char c)
{
    tca_buf_add(buf, &c, 1);
}

void tca_buf_u64(struct tca_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    tca_buf_add(buf, digits + at, sizeof digits - at);
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
    if (need < 0 || !make_room(buf, (size_t)need + 1))
        return;
    va_start(args, format);
    vsnprintf(buf->bytes + buf->used, (size_t)need + 1, format, args);
    va_end(args);
    buf->used += (size_t)need;
}

/* The first `digits` of nine fraction digits. */
static void fraction(struct tca_buf *buf, uint32_t ns, int digits)
{
    char text[10];
    snprintf(text, sizeof text, "%09u", (unsigned)(ns % 1000000000u));
    if (digits > 0) {
        tca_buf_char(buf, '.');
        tca_buf_add(buf, text, (size_t)(digits > 9 ? 9 : digits));
    }
}

void tca_buf_seconds(struct tca_buf *buf, int64_t ns, int digits)
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    if (ns < 0)
        tca_buf_char(buf, '-');
    tca_buf_u64(buf, size / 1000000000u);
    fraction(buf, (uint32_t)(size % 1000000000u), digits);
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
    unsigned month, day;
    civil_date(days, &year, &month, &day);
    tca_buf_fmt(buf, "%04lld-%02u-%02uT%02d:%02d:%02d", (long long)year, month, day, (int)(rest / 3600),
                (int)(rest / 60 % 60), (int)(rest % 60));
    fraction(buf, (uint32_t)ns, digits);
    tca_buf_char(buf, 'Z');
}

void tca_buf_ip(struct tca_buf *buf, const uint8_t addr[16], int family)
{
    char text[INET6_ADDRSTRLEN];
    if (family == 4)
        inet_ntop(AF_INET, addr + 12, text, sizeof text);
    else
        inet_ntop(AF_INET6, addr, text, sizeof text);
    tca_buf_str(buf, text);
}

const char *tca_buf_text(struct tca_buf *buf)
{
    if (!make_room(buf, 1))
        return "";
    buf->bytes[buf->used] = '\0';
    return buf->bytes;
}
