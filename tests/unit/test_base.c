/* SPDX-License-Identifier: MIT
 *
 * base/: sequence arithmetic on the circle, integer formatting, addresses, buffers and pools. Fractions of a
 * second with leading zeros have a table of their own: printing .009999 as .9999 is the classic fault of this
 * trade.
 */
#include "base/alloc.h"
#include "base/anon.h"
#include "base/buf.h"
#include "base/clip.h"
#include "base/crew.h"
#include "base/extsort.h"
#include "base/pack.h"
#include "base/seq32.h"
#include "base/sha1.h"
#include "base/sieve.h"
#include "base/sort.h"
#include "base/stash.h"
#include "suite.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>
#include <tcpautopsy/text.h>

/* ---- texts of others ---- */

#define X10  "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X390 X100 X100 X100 X10 X10 X10 X10 X10 X10 X10 X10 X10
static const struct {
    const char *why, *one, *other, *text;
} clip_rows[] = {
    {"nothing", "", "", ""},
    {"one", "one", "", "one"},
    {"two", "one", "two", "one; two"},
    {"the first is empty", "", "two", "two"},
    {"just fits", X390 X10, "", X390 X10},
    {"one too long", X390 X10 "x", "", X390 "xxxxxxx..."},
    {"another has no room", X390 X10, "y", X390 "xxxxxxx..."},
    {"not even what is between has room", X390 "xxxxxxxxx", "y", X390 "xxxxxxx..."},
    {"two just fit", X390 "xxxxxxx", "y", X390 "xxxxxxx; y"},
    {"after a cut nothing more", X390 X10 "x", "y", X390 "xxxxxxx..."},
    {"a character stays whole", X390 "xxxxxx\xc3\xa4" X10, "", X390 "xxxxxx..."},
    {"so does one of four bytes", X390 "xxxxx\xf0\x9f\x98\x80" X10, "", X390 "xxxxx..."},
    {"no characters", X390 "xxx\x80\x80\x80\x80\x80" X10, "", X390 "xxx\x80\x80\x80\x80..."},
};

START_TEST(clip_joins)
{
    struct tca_clip clip = {0};

    tca_clip_join(&clip, clip_rows[_i].one, strlen(clip_rows[_i].one));
    tca_clip_join(&clip, clip_rows[_i].other, strlen(clip_rows[_i].other));
    ck_assert_str_eq(clip.text, clip_rows[_i].text);
}
END_TEST

START_TEST(clip_ends_at_a_zero)
{
    struct tca_clip clip = {0};

    tca_clip_join(&clip, "one\0more", 8);
    tca_clip_join(&clip, "\0more", 5);
    tca_clip_join(&clip, "twofold", 3); /* not terminated */
    ck_assert_str_eq(clip.text, "one; two");
}
END_TEST

static const struct {
    const char *text;
    size_t plain;
    bool formula;
    const char *why;
} text_rows[] = {
    {"", 0, false, "the end"},
    {"a", 1, false, "a letter"},
    {" ", 1, false, "the first that is no control character"},
    {"\x1f", 0, false, "the last one that is"},
    {"\x7f", 0, false, "DEL"},
    {"\xc2\x9f", 0, false, "U+009F, the last of the second ones"},
    {"\xc2\xa0", 2, false, "U+00A0"},
    {"\xc2", 0, false, "cut"},
    {"\xc1\xbf", 0, false, "not the shortest form"},
    {"\x9b", 0, false, "no first byte"},
    {"\xd8\x9c", 0, false, "U+061C"},
    {"\xd8\x9d", 2, false, "U+061D"},
    {"\xe2\x80\x8d", 3, false, "U+200D joins letters, and turns nothing"},
    {"\xe2\x80\x8e", 0, false, "U+200E"},
    {"\xe2\x80\xa7", 3, false, "U+2027"},
    {"\xe2\x80\xa8", 0, false, "U+2028"},
    {"\xe2\x80\xae", 0, false, "U+202E"},
    {"\xe2\x80\xaf", 3, false, "U+202F"},
    {"\xe2\x81\xa5", 3, false, "U+2065"},
    {"\xe2\x81\xa6", 0, false, "U+2066"},
    {"\xe2\x81\xa9", 0, false, "U+2069"},
    {"\xe2\x81\xaa", 3, false, "U+206A"},
    {"\xed\xa0\x80", 0, false, "a surrogate"},
    {"\xf0\x9f\x90\x9f", 4, false, "four bytes"},
    {"\xf4\x90\x80\x80", 0, false, "beyond U+10FFFF"},
    {"-", 1, false, "standard input"},
    {"-1", 1, true, "a difference"},
    {"=x", 1, true, "a formula"},
    {"\tx", 0, true, "a tab"},
    {"x=1", 1, false, "not at its beginning"},
    {"\xef\xbc\x9d"
     "1",
     3, true, "as wide as Chinese characters"},
    {"\xef\xbc\x9e"
     "1",
     3, false, "the wide one behind it"},
};

START_TEST(text_shown)
{
    const char *text = text_rows[_i].text;
    ck_assert_uint_eq(tca_text_plain(text), text_rows[_i].plain);
    ck_assert_int_eq(tca_text_is_formula(text), text_rows[_i].formula);
}
END_TEST

/* ---- sequence numbers ---- */

static const struct {
    uint32_t a, b;
    int32_t diff;
    const char *why;
} seq_rows[] = {
    {0, 0, 0, "equal"},
    {1, 0, 1, "ahead"},
    {0, 1, -1, "behind"},
    {0, 0xffffffff, 1, "0 follows the largest number"},
    {0xffffffff, 0, -1, "and the largest comes before 0"},
    {100, 0xffffff00, 356, "ahead across the wrap"},
    {0xffffff00, 100, -356, "behind across the wrap"},
    {0x7fffffff, 0, INT32_MAX, "the furthest that is still ahead"},
    {0x80000001, 0, -INT32_MAX, "one further on the circle is behind"},
    {0x80000000, 0, INT32_MIN, "the opposite point counts as behind, from either end"},
    {0, 0x80000000, INT32_MIN, "the opposite point counts as behind, from either end"},
};

START_TEST(seq_difference)
{
    uint32_t a = seq_rows[_i].a, b = seq_rows[_i].b;
    int32_t diff = seq_rows[_i].diff;
    const char *why = seq_rows[_i].why;

    ck_assert_msg(seq_diff(a, b) == diff, "%s: %d", why, seq_diff(a, b));
    ck_assert_msg(seq_before(a, b) == (diff < 0), "%s", why);
    ck_assert_msg(seq_after(a, b) == (diff > 0), "%s", why);
    ck_assert_msg(seq_before_eq(a, b) == (diff <= 0), "%s", why);
    ck_assert_msg(seq_after_eq(a, b) == (diff >= 0), "%s", why);
    ck_assert_msg(seq_max(a, b) == (diff > 0 ? a : b), "%s", why);
}
END_TEST

static const struct {
    uint32_t x, low, high;
    bool within;
    const char *why;
} within_rows[] = {
    {5, 5, 5, true, "one point"},
    {5, 5, 9, true, "low edge"},
    {9, 5, 9, true, "high edge"},
    {4, 5, 9, false, "below"},
    {10, 5, 9, false, "above"},
    {2, 0xfffffff0, 10, true, "beyond the wrap"},
    {0xfffffff0, 0xfffffff0, 10, true, "low edge before the wrap"},
    {11, 0xfffffff0, 10, false, "above, beyond the wrap"},
    {0xffffffef, 0xfffffff0, 10, false, "below, before the wrap"},
};

START_TEST(seq_inside)
{
    ck_assert_msg(seq_within(within_rows[_i].x, within_rows[_i].low, within_rows[_i].high) ==
                      within_rows[_i].within,
                  "%s", within_rows[_i].why);
}
END_TEST

/* ---- numbers ---- */

static void same_text(struct tca_buf *buf, const char *expected, const char *why)
{
    ck_assert_msg(strcmp(tca_buf_text(buf), expected) == 0, "%s: '%s' is not '%s'", why, tca_buf_text(buf),
                  expected);
    tca_buf_done(buf);
}

static const struct {
    int64_t value;
    const char *text;
} i64_rows[] = {
    {0, "0"},
    {7, "7"},
    {-1, "-1"},
    {10, "10"},
    {1000000007, "1000000007"},
    {INT64_MAX, "9223372036854775807"},
    {INT64_MIN, "-9223372036854775808"},
};

START_TEST(i64_text)
{
    struct tca_buf buf = {0};

    tca_buf_i64(&buf, i64_rows[_i].value);
    same_text(&buf, i64_rows[_i].text, "i64");
}
END_TEST

START_TEST(u64_text)
{
    struct tca_buf buf = {0};

    tca_buf_u64(&buf, 0);
    tca_buf_char(&buf, ' ');
    tca_buf_u64(&buf, UINT64_MAX);
    same_text(&buf, "0 18446744073709551615", "u64");
}
END_TEST

/* Around every power of ten, held against printf. */
START_TEST(numbers_around_powers)
{
    struct tca_buf buf = {0};
    char expected[64];

    for (uint64_t power = 1;; power *= 10) {
        for (uint64_t value = power > 2 ? power - 2 : 0; value < power + 2; value++) {
            snprintf(expected, sizeof expected, "%llu %llu.%09llu", (unsigned long long)value,
                     (unsigned long long)(value >> 1) / 1000000000,
                     (unsigned long long)(value >> 1) % 1000000000);
            tca_buf_reset(&buf);
            tca_buf_u64(&buf, value);
            tca_buf_char(&buf, ' ');
            tca_buf_seconds(&buf, (int64_t)(value >> 1), 9);
            ck_assert_str_eq(tca_buf_text(&buf), expected);
        }
        if (power == UINT64_C(10000000000000000000))
            break;
    }
    tca_buf_done(&buf);
}
END_TEST

static const struct {
    int64_t ns;
    int digits;
    const char *text, *why;
} seconds_rows[] = {
    {0, 9, "0.000000000", "a measured zero"},
    {0, 0, "0", "without fraction there is no point"},
    {1, 9, "0.000000001", "one nanosecond"},
    {1000, 6, "0.000001", "a microsecond keeps its zeros"},
    {1000, 9, "0.000001000", "a microsecond keeps its zeros"},
    {9999000, 6, "0.009999", "not .9999"},
    {9999000, 9, "0.009999000", "not .9999"},
    {999999999, 9, "0.999999999", "just below a second"},
    {999999999, 6, "0.999999", "cut, not rounded up to a second"},
    {999999999, 3, "0.999", "cut, not rounded up to a second"},
    {1500000000, 9, "1.500000000", "one and a half"},
    {1700000000009999000, 9, "1700000000.009999000", "epoch seconds"},
    {-1, 9, "-0.000000001", "the sign survives a zero before the point"},
    {-1500000000, 3, "-1.500", "negative, cut"},
    {-999999999, 0, "-0", "cut towards zero"},
    {INT64_MAX, 9, "9223372036.854775807", "the last moment"},
    {INT64_MIN, 9, "-9223372036.854775808", "the first moment, whose size fits in no int64"},
};

START_TEST(seconds_text)
{
    struct tca_buf buf = {0};

    tca_buf_seconds(&buf, seconds_rows[_i].ns, seconds_rows[_i].digits);
    same_text(&buf, seconds_rows[_i].text, seconds_rows[_i].why);
}
END_TEST

static const struct {
    int64_t ns;
    int digits;
    const char *text, *why;
} iso_rows[] = {
    {0, 9, "1970-01-01T00:00:00.000000000Z", "the epoch"},
    {0, 0, "1970-01-01T00:00:00Z", "without fraction"},
    {1700000000123456789, 9, "2023-11-14T22:13:20.123456789Z", "an ordinary moment"},
    {1700000000123456789, 6, "2023-11-14T22:13:20.123456Z", "microseconds"},
    {1700000000000001000, 9, "2023-11-14T22:13:20.000001000Z", "fraction .000001"},
    {1700000000009999000, 9, "2023-11-14T22:13:20.009999000Z", "fraction .009999"},
    {1700000000999999999, 9, "2023-11-14T22:13:20.999999999Z", "fraction .999999999"},
    {1700000000999999999, 3, "2023-11-14T22:13:20.999Z", "cut, not rounded into the next second"},
    {-1, 9, "1969-12-31T23:59:59.999999999Z", "one nanosecond before the epoch"},
    {-1000000000, 9, "1969-12-31T23:59:59.000000000Z", "one second before the epoch"},
    {-86400000000000, 0, "1969-12-31T00:00:00Z", "a whole day before"},
    {951782400000000000, 0, "2000-02-29T00:00:00Z", "the leap day of a century divisible by 400"},
    {951868800000000000, 0, "2000-03-01T00:00:00Z", "the day after it"},
    {4107542400000000000, 0, "2100-03-01T00:00:00Z", "a century without leap day"},
    {4107456000000000000, 0, "2100-02-28T00:00:00Z", "and the day before"},
    {-2203891200000000000, 0, "1900-03-01T00:00:00Z", "the same, before the epoch"},
    {4294967295000000000, 0, "2106-02-07T06:28:15Z", "the last second of a capture file"},
    {INT64_MAX, 9, "2262-04-11T23:47:16.854775807Z", "the last moment of an int64"},
    {INT64_MIN, 9, "1677-09-21T00:12:43.145224192Z", "the first moment of an int64"},
};

START_TEST(iso_text)
{
    struct tca_buf buf = {0};

    tca_buf_iso(&buf, iso_rows[_i].ns, iso_rows[_i].digits);
    same_text(&buf, iso_rows[_i].text, iso_rows[_i].why);
}
END_TEST

/* ---- addresses ---- */

static const struct {
    const char *written;
    int family;
    const char *text, *why;
} ip_rows[] = {
    {"::ffff:10.0.0.1", 4, "10.0.0.1", "IPv4"},
    {"::ffff:0.0.0.0", 4, "0.0.0.0", "IPv4, all zero"},
    {"::ffff:255.255.255.255", 4, "255.255.255.255", "IPv4, the longest"},
    {"2001:db8:0:0:1:0:0:1", 6, "2001:db8::1:0:0:1", "RFC 5952 section 4.2.3: the first of two equal runs"},
    {"2001:DB8::A", 6, "2001:db8::a", "section 4.3: lower case"},
    {"2001:db8:0:1:1:1:1:1", 6, "2001:db8:0:1:1:1:1:1", "section 4.2.2: a single zero is not shortened"},
    {"::", 6, "::", "all zero"},
    {"fd00::1", 6, "fd00::1", "unique local"},
};

START_TEST(ip_text)
{
    struct tca_buf buf = {0};
    uint8_t addr[16];

    ck_assert_int_eq(inet_pton(AF_INET6, ip_rows[_i].written, addr), 1);
    tca_buf_ip(&buf, addr, ip_rows[_i].family);
    same_text(&buf, ip_rows[_i].text, ip_rows[_i].why);
}
END_TEST

/* Every pattern of zero words, held against inet_ntop(). */
START_TEST(ip_patterns)
{
    static const uint16_t other[] = {1, 0xf, 0x10, 0xff, 0x100, 0xfff, 0x1000, 0xffff};
    struct tca_buf buf = {0};
    char expected[INET6_ADDRSTRLEN];

    for (unsigned pattern = 0; pattern < 256 * ROWS(other); pattern++) {
        uint8_t addr[16] = {0};
        for (unsigned word = 0; word < 8; word++) {
            if (!(pattern & 1u << word))
                continue;
            uint16_t value = other[(pattern >> 8) + word < ROWS(other) ? (pattern >> 8) + word : 7];
            addr[2 * word] = (uint8_t)(value >> 8);
            addr[2 * word + 1] = (uint8_t)value;
        }
        tca_buf_reset(&buf);
        tca_buf_ip(&buf, addr, 6);
        inet_ntop(AF_INET6, addr, expected, sizeof expected);
        ck_assert_str_eq(tca_buf_text(&buf), expected);
    }
    tca_buf_done(&buf);
}
END_TEST

/* ---- buffer ---- */

START_TEST(buf_grows)
{
    struct tca_buf buf = {0};

    ck_assert_str_eq(tca_buf_text(&buf), "");
    for (int i = 0; i < 10000; i++)
        tca_buf_fmt(&buf, "%d,", i % 10);
    ck_assert_uint_eq(buf.used, 20000);
    ck_assert(!buf.failed);
    ck_assert_int_eq(memcmp(tca_buf_text(&buf) + 19980, "0,1,2,3,4,5,6,7,8,9,", 21), 0);
    tca_buf_reset(&buf);
    ck_assert_str_eq(tca_buf_text(&buf), "");
    ck_assert(buf.room >= 20000);
    tca_buf_done(&buf);
    tca_buf_done(&buf);
}
END_TEST

START_TEST(buf_keeps_zero_bytes)
{
    struct tca_buf buf = {0};

    tca_buf_add(&buf, "a\0b", 3);
    tca_buf_add(&buf, NULL, 0);
    ck_assert_uint_eq(buf.used, 3);
    ck_assert_int_eq(memcmp(buf.bytes, "a\0b", 3), 0);
    tca_buf_done(&buf);
}
END_TEST

/* An append to a buffer that failed before does nothing: whole rows are checked once. */
START_TEST(buf_failed_stays_failed)
{
    struct tca_buf buf = {.failed = true};

    tca_buf_str(&buf, "text");
    tca_buf_i64(&buf, 5);
    tca_buf_iso(&buf, 0, 9);
    ck_assert_uint_eq(buf.used, 0);
    ck_assert_str_eq(tca_buf_text(&buf), "");
    tca_buf_done(&buf);
}
END_TEST

/* ---- memory ---- */

START_TEST(alloc_is_zeroed)
{
    unsigned char *bytes = tca_alloc(1000);

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(bytes[i], 0);
    tca_free(bytes);
    tca_free(NULL);
}
END_TEST

START_TEST(grow_checks_overflow)
{
    ck_assert_ptr_null(tca_grow(NULL, SIZE_MAX / 2, 3));
}
END_TEST

struct object {
    uint64_t number;
    char pad[33]; /* an odd size: objects must stay aligned all the same */
};

START_TEST(pool_gives_zeroed_aligned_objects)
{
    enum { COUNT = 20000 }; /* several slabs */
    struct tca_pool pool;
    struct object **object = calloc(COUNT, sizeof *object);

    ck_assert_ptr_nonnull(object);
    tca_pool_init(&pool, sizeof(struct object));
    for (size_t i = 0; i < COUNT; i++) {
        object[i] = tca_pool_take(&pool);
        ck_assert_ptr_nonnull(object[i]);
        ck_assert_uint_eq((uintptr_t)object[i] % 16, 0);
        ck_assert_uint_eq(object[i]->number, 0);
        object[i]->number = i + 1;
        memset(object[i]->pad, 0xa5, sizeof object[i]->pad);
    }
    ck_assert_uint_eq(pool.live, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_uint_eq(object[i]->number, i + 1);
    tca_pool_done(&pool);
    free(object);
}
END_TEST

START_TEST(pool_reuses_what_is_given_back)
{
    struct tca_pool pool;

    tca_pool_init(&pool, 40);
    unsigned char *first = tca_pool_take(&pool), *second = tca_pool_take(&pool);
    memset(first, 0xff, 40);
    tca_pool_give(&pool, first);
    tca_pool_give(&pool, NULL);
    ck_assert_uint_eq(pool.live, 1);
    unsigned char *again = tca_pool_take(&pool);
    ck_assert_ptr_eq(again, first);
    for (size_t i = 0; i < 40; i++)
        ck_assert_uint_eq(again[i], 0);
    ck_assert_ptr_ne(again, second);
    tca_pool_done(&pool);
    tca_pool_done(&pool);
}
END_TEST

START_TEST(stash_reuses_what_is_given_back)
{
    struct tca_stash stash;
    size_t small = 33, larger = 5 * TCA_STASH_STEP, most = TCA_STASH_MAX, again = 4 * TCA_STASH_STEP,
           much = 6 * TCA_STASH_STEP, other = 5 * TCA_STASH_STEP;

    tca_stash_init(&stash);
    unsigned char *a = tca_stash_take(&stash, &small), *b = tca_stash_take(&stash, &larger),
                  *c = tca_stash_take(&stash, &most);
    ck_assert_uint_eq(small, 2 * TCA_STASH_STEP);
    ck_assert_uint_eq(larger, 5 * TCA_STASH_STEP);
    ck_assert_uint_eq(most, TCA_STASH_MAX);
    memset(a, 1, small);
    memset(b, 2, larger);
    memset(c, 3, most);
    ck_assert(a[0] == 1 && a[small - 1] == 1 && b[0] == 2 && b[larger - 1] == 2);
    ck_assert_ptr_nonnull(tca_stash_take(&stash, &other)); /* of the same piece, which stays */
    tca_stash_give(&stash, b, larger);
    ck_assert_msg(tca_stash_take(&stash, &much) != b, "it is too small for that");
    ck_assert_ptr_eq(tca_stash_take(&stash, &again), b);
    ck_assert_msg(again == larger, "and a little more than what was asked for");
    tca_stash_done(&stash);
}
END_TEST

/* What is put away again and again, and grows, takes no more room than it has. */
START_TEST(stash_of_growing_blocks)
{
    enum { BLOCKS = 200 };
    struct tca_stash stash;
    void *block[BLOCKS];
    size_t given[BLOCKS];

    tca_stash_init(&stash);
    for (size_t size = TCA_STASH_STEP; size <= TCA_STASH_MAX; size += TCA_STASH_STEP) {
        for (int i = 0; i < BLOCKS; i++) {
            given[i] = size - (size_t)(i % 3);
            block[i] = tca_stash_take(&stash, &given[i]);
            ck_assert_ptr_nonnull(block[i]);
            memset(block[i], i, given[i]);
        }
        for (int i = 0; i < BLOCKS; i++) {
            const unsigned char *bytes = block[i];
            ck_assert_msg(bytes[0] == i && bytes[given[i] - 1] == i, "no two of them overlap");
            tca_stash_give(&stash, block[i], given[i]);
        }
        ck_assert_msg(stash.pieces.live == 0, "of all that was given back nothing is held");
    }
    ck_assert_uint_le(stash.pieces.slabs, 40);
    tca_stash_done(&stash);
}
END_TEST

START_TEST(pool_of_large_objects)
{
    struct tca_pool pool;

    tca_pool_init(&pool, 1 << 20); /* larger than a slab: one object each */
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(tca_pool_take(&pool));
    tca_pool_done(&pool);
}
END_TEST

/* ---- sorter ---- */

struct walked {
    int64_t last;
    size_t count, stop_at;
    bool in_order;
};

/* Items are a number and then as many bytes as it says, so that sizes differ. */
static int see_item(void *user, const void *item, size_t size)
{
    struct walked *w = user;
    int64_t number;

    ck_assert_uint_ge(size, sizeof number);
    memcpy(&number, item, sizeof number);
    ck_assert_uint_eq(size, sizeof number + (uint64_t)(number < 0 ? -number : number) % 97);
    w->in_order = w->in_order && (w->count == 0 || number >= w->last);
    w->last = number;
    w->count++;
    return w->stop_at && w->count == w->stop_at ? 7 : 0;
}

static void add_item(struct tca_sorter *sorter, int64_t number)
{
    char item[sizeof number + 97];
    uint8_t key[TCA_SORT_KEY] = {0};

    memcpy(item, &number, sizeof number);
    memset(item + sizeof number, 'x', 97);
    tca_key_i64(key, number);
    ck_assert_int_eq(tca_sorter_add(sorter, key, item, sizeof number + (uint64_t)llabs(number) % 97), 0);
}

static const struct {
    size_t memory, items;
    const char *why;
} sorter_rows[] = {
    {1 << 20, 0, "nothing"},
    {1 << 20, 1, "one item"},
    {1 << 20, 1000, "all in memory"},
    {4096, 5000, "many runs in temporary files"},
    {1, 300, "less memory than one item needs"},
};

static void sort_items(int row, size_t key)
{
    struct tca_sorter *sorter;
    uint32_t random = 1;

    ck_assert_int_eq(tca_sorter_new(sorter_rows[row].memory, NULL, &sorter), 0);
    tca_sorter_keyed(sorter, key);
    for (size_t i = 0; i < sorter_rows[row].items; i++) {
        random = random * 1664525u + 1013904223u;
        add_item(sorter, (int32_t)random / 1000); /* either sign, some of them equal */
    }
    ck_assert_uint_eq(tca_sorter_count(sorter), sorter_rows[row].items);
    for (int walk = 0; walk < 2; walk++) {
        struct walked w = {.in_order = true};
        ck_assert_int_eq(tca_sorter_walk(sorter, see_item, &w), 0);
        ck_assert_msg(w.count == sorter_rows[row].items && w.in_order, "%s: %zu items, %sin order",
                      sorter_rows[row].why, w.count, w.in_order ? "" : "not ");
    }
    tca_sorter_free(sorter);
}

/* Keys of all sizes. */
START_TEST(sorter_order)
{
    for (size_t key = 8; key <= TCA_SORT_KEY; key += 8)
        sort_items(_i, key);
}
END_TEST

/* Half of the items come from another sorter, in memory or in a file of its own. */
START_TEST(sorter_takes)
{
    const size_t items = sorter_rows[_i].items;
    for (size_t other_memory = 16 << 10; other_memory <= 16 << 20; other_memory <<= 10) {
        struct tca_sorter *sorter, *other;
        uint32_t random = 1;
        ck_assert_int_eq(tca_sorter_new(sorter_rows[_i].memory, NULL, &sorter), 0);
        ck_assert_int_eq(tca_sorter_new(other_memory, NULL, &other), 0);
        for (size_t at = 0; at < items; at++) {
            random = random * 1664525u + 1013904223u;
            add_item(at % 2 ? other : sorter, (int32_t)random / 1000);
        }
        ck_assert_int_eq(tca_sorter_take(sorter, other), 0);
        tca_sorter_free(other);
        ck_assert_uint_eq(tca_sorter_count(sorter), items);
        for (int walk = 0; walk < 2; walk++) {
            struct walked w = {.in_order = true};
            ck_assert_int_eq(tca_sorter_walk(sorter, see_item, &w), 0);
            ck_assert_msg(w.count == items && w.in_order, "%s: %zu items", sorter_rows[_i].why, w.count);
        }
        tca_sorter_free(sorter);
    }
}
END_TEST

/* Of equal keys what items begin with decides, in memory and between runs, taken ones too. */
static int see_tied(void *user, const void *item, size_t size)
{
    uint64_t *next = user;
    uint8_t tie[TCA_SORT_TIE] = {0};

    ck_assert_uint_ge(size, sizeof tie);
    tca_key_u64(tie + sizeof tie - 8, *next);
    ck_assert_msg(!memcmp(item, tie, sizeof tie), "item %llu is another", (unsigned long long)*next);
    ++*next;
    return 0;
}

START_TEST(sorter_tied)
{
    const size_t items = sorter_rows[_i].items;
    struct tca_sorter *sorter[2];

    for (int at = 0; at < 2; at++) {
        ck_assert_int_eq(tca_sorter_new(sorter_rows[_i].memory, NULL, &sorter[at]), 0);
        tca_sorter_tied(sorter[at]);
    }
    for (size_t at = 0; at < items;
         at++) { /* 7 divides none of the rows' numbers but 0, so that each number comes once */
        uint8_t key[TCA_SORT_KEY] = {0}, item[TCA_SORT_TIE + 5] = {0};
        uint64_t number = at * 7 % items;
        tca_key_u64(item + TCA_SORT_TIE - 8, number);
        key[TCA_SORT_KEY - 1] = number >= items / 2; /* of two keys */
        ck_assert_int_eq(tca_sorter_add(sorter[at % 2], key, item, TCA_SORT_TIE + at % 6), 0);
    }
    ck_assert_int_eq(tca_sorter_take(sorter[0], sorter[1]), 0);
    for (int again = 0; again < 2; again++) {
        uint64_t next = 0;
        ck_assert_int_eq(tca_sorter_walk(sorter[0], see_tied, &next), 0);
        ck_assert_uint_eq(next, items);
    }
    tca_sorter_free(sorter[0]);
    tca_sorter_free(sorter[1]);
}
END_TEST

START_TEST(sorter_stops)
{
    struct tca_sorter *sorter;
    struct walked w = {.in_order = true, .stop_at = 3};

    ck_assert_int_eq(tca_sorter_new(1 << 16, NULL, &sorter), 0);
    for (int i = 0; i < 10; i++)
        add_item(sorter, i);
    ck_assert_int_eq(tca_sorter_walk(sorter, see_item, &w), 7);
    ck_assert_uint_eq(w.count, 3);
    tca_sorter_free(sorter);
    tca_sorter_free(NULL);
}
END_TEST

START_TEST(sorter_without_temporary_folder)
{
    struct tca_sorter *sorter = NULL;
    uint8_t key[TCA_SORT_KEY] = {0};
    int code = tca_sorter_new(1, "/no/such/folder", &sorter);

    for (int i = 0; i < 100 && !code; i++)
        code = tca_sorter_add(sorter, key, "item", 4);
    ck_assert_int_eq(code, TCA_EOUTPUT);
    tca_sorter_free(sorter);
}
END_TEST

/* Items are named by eight bytes; a newer one bears a lower number behind them, and its own text. */
static uint64_t add_version(struct tca_sorter *sorter, uint64_t name, uint32_t version)
{
    uint8_t key[TCA_SORT_KEY] = {0};
    char text[64];
    int length = snprintf(text, sizeof text, "%llu in version %u", (unsigned long long)name, version);
    tca_key_u64(key, name);
    tca_key_u32(key + 8, UINT32_MAX - version);
    ck_assert_int_eq(tca_sorter_add(sorter, key, text, (size_t)length), 0);
    return tca_sorter_place(sorter);
}

struct versions {
    uint64_t next;
    uint32_t version;
};

static int see_newest(void *user, const void *item, size_t size)
{
    struct versions *v = user;
    char text[64];
    int length = snprintf(text, sizeof text, "%llu in version %u", (unsigned long long)v->next++, v->version);
    ck_assert_int_eq(length, (int)size);
    ck_assert_mem_eq(text, item, size);
    return 0;
}

static const size_t version_rows[] = {1 << 20, 4096, 1};

START_TEST(sorter_replaces)
{
    enum { NAMES = 400, VERSIONS = 3 };
    static uint64_t place[VERSIONS][NAMES];
    struct tca_sorter *sorter;
    struct tca_buf item = {0};
    char text[64];
    ck_assert_int_eq(tca_sorter_new(version_rows[_i], NULL, &sorter), 0);
    tca_sorter_replaceable(sorter, 8);
    for (uint32_t version = 0; version < VERSIONS; version++)
        for (uint64_t at = 0; at < NAMES; at++)
            place[version][at * 7 % NAMES] = add_version(sorter, at * 7 % NAMES, version);
    for (uint32_t version = 0; version < VERSIONS; version++)
        for (uint64_t name = 0; name < NAMES; name++) {
            int length = snprintf(text, sizeof text, "%llu in version %u", (unsigned long long)name, version);
            ck_assert_int_eq(tca_sorter_fetch(sorter, place[version][name], &item), 0);
            ck_assert_uint_eq(item.used, (size_t)length);
            ck_assert_mem_eq(item.bytes, text, item.used);
        }
    for (int walk = 0; walk < 2; walk++) {
        struct versions v = {.version = VERSIONS - 1};
        ck_assert_int_eq(tca_sorter_walk(sorter, see_newest, &v), 0);
        ck_assert_uint_eq(v.next, NAMES);
    }
    tca_buf_done(&item);
    tca_sorter_free(sorter);
}
END_TEST

/* Made in place, with something aside: a walk sees the item alone, who fetches it both. */
static uint64_t add_with_aside(struct tca_sorter *sorter, uint64_t number)
{
    enum { MOST = 8 * 64 };
    uint8_t key[TCA_SORT_KEY] = {0}, *room;
    size_t size = 8 * (1 + number % 5), aside = 8 * (number % 7);
    tca_key_u64(key, number);
    ck_assert_int_eq(tca_sorter_room(sorter, MOST, &room), 0);
    memset(room, 1 + (int)number % 100, size);
    memset(room + size, 101 + (int)number % 100, aside);
    tca_sorter_put(sorter, key, size, aside);
    return tca_sorter_place(sorter);
}

static void check_bytes(const void *bytes, size_t count, int value)
{
    const uint8_t *at = bytes;
    for (size_t left = count; left; left--)
        ck_assert_int_eq(*at++, value);
}

static int see_made(void *user, const void *item, size_t size)
{
    uint64_t *number = user;
    ck_assert_uint_eq(size, 8 * (1 + *number % 5));
    check_bytes(item, size, 1 + (int)*number % 100);
    ++*number;
    return 0;
}

START_TEST(sorter_keeps_aside)
{
    enum { ITEMS = 500 };
    uint64_t place[ITEMS], seen = 0;
    struct tca_sorter *sorter;
    struct tca_buf item = {0};
    ck_assert_int_eq(tca_sorter_new(version_rows[_i], NULL, &sorter), 0);
    tca_sorter_replaceable(sorter, 8);
    for (uint64_t at = 0; at < ITEMS; at++)
        place[at * 7 % ITEMS] = add_with_aside(sorter, at * 7 % ITEMS);
    for (uint64_t number = 0; number < ITEMS; number++) {
        size_t size = 8 * (1 + number % 5), aside = 8 * (number % 7);
        ck_assert_int_eq(tca_sorter_fetch(sorter, place[number], &item), 0);
        ck_assert_uint_eq(item.used, size + aside);
        check_bytes(item.bytes, size, 1 + (int)number % 100);
        check_bytes(item.bytes + size, aside, 101 + (int)number % 100);
    }
    ck_assert_int_eq(tca_sorter_walk(sorter, see_made, &seen), 0);
    ck_assert_uint_eq(seen, ITEMS);
    tca_buf_done(&item);
    tca_sorter_free(sorter);
}
END_TEST

/* ---- items with owners ---- */

/* Key: a time, its owner, a name; then the version. Items come owner by owner, as captures are read, or in turn. */
enum { OWNERS = 40, OWNED_EACH = 50, OWNER_AT = 8, OWNED_NAME = 20 };

static void add_owned(struct tca_sorter *sorter, uint32_t owner, uint32_t number, uint32_t version)
{
    uint8_t key[TCA_SORT_KEY] = {0};
    const uint32_t item[] = {owner, number, version};

    tca_key_u64(key, number);
    tca_key_u32(key + OWNER_AT, owner);
    tca_key_u64(key + OWNER_AT + 4, number);
    tca_key_u32(key + OWNED_NAME, UINT32_MAX - version);
    ck_assert_int_eq(tca_sorter_add(sorter, key, item, sizeof item), 0);
}

static struct tca_sorter *owned_sorter(size_t memory)
{
    struct tca_sorter *sorter;
    ck_assert_int_eq(tca_sorter_new(memory, NULL, &sorter), 0);
    tca_sorter_replaceable(sorter, OWNED_NAME);
    tca_sorter_owned(sorter, OWNER_AT);
    return sorter;
}

static const struct {
    size_t memory;
    bool in_turn, taken;
    const char *why;
} owner_rows[] = {{1 << 20, false, false, "all in memory"},
                  {1 << 20, false, true, "all in memory, the half of it another sorter's"},
                  {4 << 10, false, false, "runs of a few owners"},
                  {4 << 10, true, false, "runs of all owners"},
                  {4 << 10, false, true, "runs of two sorters"},
                  {1, false, false, "runs of one item"}};
static const struct tca_owners wanted_rows[] = {{0, 0},  {1, 1},      {OWNERS, OWNERS},
                                                {7, 19}, {1, OWNERS}, {41, 90}};

static void fill_owned(struct tca_sorter *sorter, struct tca_sorter *other, bool in_turn)
{
    for (uint32_t at = 0; at < OWNERS * OWNED_EACH; at++) {
        uint32_t owner = in_turn ? at % OWNERS : at / OWNED_EACH,
                 number = in_turn ? at / OWNERS : at % OWNED_EACH;
        struct tca_sorter *to = other && owner % 2 ? other : sorter;
        add_owned(to, owner + 1, number, 0);
        if (number % 5 == 0)
            add_owned(to, owner + 1, number, 1);
    }
}

START_TEST(sorter_walks_owners)
{
    const size_t row = (size_t)_i / ROWS(wanted_rows);
    const struct tca_owners wanted = wanted_rows[(size_t)_i % ROWS(wanted_rows)];
    struct tca_sorter *sorter = owned_sorter(owner_rows[row].memory),
                      *other = owner_rows[row].taken ? owned_sorter(owner_rows[row].memory) : NULL;
    struct tca_cursor *cursor;
    const void *item;
    size_t size;

    fill_owned(sorter, other, owner_rows[row].in_turn);
    if (other)
        ck_assert_int_eq(tca_sorter_take(sorter, other), 0);
    tca_sorter_free(other);
    ck_assert_int_eq(tca_cursor_new(sorter, wanted, &cursor), 0);
    for (uint32_t number = 0; number < OWNED_EACH; number++)
        for (uint32_t owner = 1; owner <= OWNERS; owner++) {
            uint32_t told[3];
            if (wanted.last && (owner < wanted.first || owner > wanted.last))
                continue;
            ck_assert_msg(tca_cursor_next(cursor, &item, &size) == 1, "%s", owner_rows[row].why);
            ck_assert_uint_eq(size, sizeof told);
            memcpy(told, item, sizeof told);
            ck_assert_msg(told[0] == owner && told[1] == number && told[2] == (number % 5 == 0),
                          "%s: %u of %u in version %u, not %u of %u", owner_rows[row].why, told[1], told[0],
                          told[2], number, owner);
        }
    ck_assert_int_eq(tca_cursor_next(cursor, &item, &size), 0);
    tca_cursor_free(cursor);
    tca_sorter_free(sorter);
}
END_TEST

/* ---- objects as what differs from others ---- */

static const size_t pack_rows[] = {0, 8, 56, 64, 120, 128, 504, 512, 520, 1024, 3160};

START_TEST(pack_brings_back)
{
    enum { MAX = 3160 };
    uint8_t object[MAX], base[MAX], packed[TCA_PACKED_MAX(MAX) + 1];
    size_t size = pack_rows[_i];
    uint32_t random = 5;
    for (unsigned sparse = 1; sparse < 1000; sparse *= 3) {
        for (size_t at = 0; at < size; at++) {
            random = random * 1664525u + 1013904223u;
            base[at] = (uint8_t)(random >> 24);
            object[at] = (random >> 8) % sparse ? base[at] : (uint8_t)(random >> 16);
        }
        for (int with_base = 0; with_base < 2; with_base++) {
            packed[TCA_PACKED_MAX(size)] = 0x5a;
            const uint8_t *end =
                with_base ? tca_differ(packed, object, base, size) : tca_squeeze(packed, object, size);
            ck_assert_uint_le((size_t)(end - packed), TCA_PACKED_MAX(size));
            ck_assert_uint_eq(packed[TCA_PACKED_MAX(size)], 0x5a);
            uint8_t back[MAX] = {0};
            if (with_base)
                memcpy(back, base, size);
            ck_assert_ptr_eq((with_base ? tca_agree : tca_spread)(packed, back, size), end);
            ck_assert_mem_eq(back, object, size);
        }
    }
}
END_TEST

/* ---- objects by number ---- */

START_TEST(numbered_objects)
{
    enum { OBJECTS = 3 * TCA_NUMBERED_PAGE + 5 };
    struct tca_numbered pool;
    tca_numbered_init(&pool, 12);
    for (uint32_t at = 1; at <= OBJECTS; at++) {
        ck_assert_uint_eq(tca_numbered_take(&pool), at);
        memcpy(tca_numbered_at(&pool, at), &at, sizeof at);
    }
    for (uint32_t at = 2; at <= OBJECTS; at += 2)
        tca_numbered_give(&pool, at);
    for (uint32_t at = 1; at <= OBJECTS; at += 2)
        ck_assert_mem_eq(tca_numbered_at(&pool, at), &at, sizeof at);
    static const uint8_t zeros[12];
    for (uint32_t at = 2; at <= OBJECTS; at += 2) {
        uint32_t number = tca_numbered_take(&pool);
        ck_assert_uint_le(number, OBJECTS);
        ck_assert_mem_eq(tca_numbered_at(&pool, number), zeros, sizeof zeros);
    }
    ck_assert_uint_eq(tca_numbered_take(&pool), OBJECTS + 1);
    tca_numbered_done(&pool);
}
END_TEST

/* ---- SHA-1: the examples of RFC 3174 and FIPS 180, and the edges of a block ---- */

static const struct {
    const char *text;
    const char *digest;
} sha1_rows[] = {
    {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
    {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    {"tcpautopsy tcpautopsy tcpautopsy tcpautopsy tcpautopsy ", "10c44a37f579557b54d6e7e3a02aa9c113b7ec47"},
    {"tcpautopsy tcpautopsy tcpautopsy tcpautopsy tcpautopsy t", "f2f8b21e28b068af87b403069b91cbca129daddd"},
    {"tcpautopsy tcpautopsy tcpautopsy tcpautopsy tcpautopsy tcpautop",
     "c39484bf7880bda798b5063f6afb984bf40b3c17"},
    {"tcpautopsy tcpautopsy tcpautopsy tcpautopsy tcpautopsy tcpautops",
     "bdfee64c34ff6b7d28dbae3462ef76517acd882c"},
    {"tcpautopsy tcpautopsy tcpautopsy tcpautopsy tcpautopsy tcpautopsy",
     "0999253c193b199c794ac0ac8a6fdcefa7ddcb4b"},
    {"tcpautopsy tcpautopsy tcpautopsy tcpautopsy tcpautopsy tcpautopsy tcpautopsy tcpautopsy tcpautopsy "
     "tcpautopsy tcpautops",
     "857526ca1216aaf42209c43e26166dcd01750a5a"},
};

START_TEST(sha1_digest)
{
    uint8_t digest[20];
    char hex[41];

    tca_sha1((const uint8_t *)sha1_rows[_i].text, strlen(sha1_rows[_i].text), digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    ck_assert_str_eq(hex, sha1_rows[_i].digest);
}
END_TEST

/* RFC 2202 section 3, test cases 2, 6 and 7: a short key, and keys longer than a block. */
static const struct {
    const char *key;
    uint8_t byte;
    size_t count;
    const char *text, *digest;
} hmac_rows[] = {
    {"Jefe", 0, 4, "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {NULL, 0xaa, 80, "Test Using Larger Than Block-Size Key - Hash Key First",
     "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
    {NULL, 0xaa, 80, "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
     "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"},
};

START_TEST(hmac_digest)
{
    uint8_t key[80], digest[20];
    char hex[41];
    struct tca_hmac hmac;
    memset(key, hmac_rows[_i].byte, sizeof key);
    if (hmac_rows[_i].key)
        memcpy(key, hmac_rows[_i].key, hmac_rows[_i].count);
    tca_hmac_init(&hmac, key, hmac_rows[_i].count);
    for (int again = 0; again < 2; again++) {
        tca_hmac_of(&hmac, (const uint8_t *)hmac_rows[_i].text, strlen(hmac_rows[_i].text), digest);
        for (size_t i = 0; i < sizeof digest; i++)
            snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        ck_assert_str_eq(hex, hmac_rows[_i].digest);
    }
}
END_TEST

/* ---- anonymous addresses ---- */

/* What tests/cli/anonymize.py computes in another way, and whether it stays as it is. */
static const struct {
    const char *real, *shown;
} anon_rows[] = {
    {"10.66.103.2", "12.31.147.246"},
    {"10.66.103.100", "12.31.147.177"},
    {"8.8.8.8", "14.38.214.12"},
    {"192.168.1.1", "219.57.119.57"},
    {"172.16.0.1", "141.245.15.246"},
    {"127.0.0.1", "127.0.0.1"},
    {"0.0.0.0", "0.0.0.0"},
    {"255.255.255.255", "255.255.255.255"},
    {"::", "::"},
    {"::1", "::1"},
    {"2001:db8::1", "273e:5d7e:2b7b:f5b0:1442:ba73:98da:198e"},
    {"fe80::1", "fe9a:440e:2601:ca88:33b2:bd56:7b06:a726"},
};

static void address_of(const char *text, uint8_t addr[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(addr, mapped, sizeof mapped);
    ck_assert_int_eq(
        strchr(text, ':') ? inet_pton(AF_INET6, text, addr) : inet_pton(AF_INET, text, addr + 12), 1);
}

START_TEST(anonymous_address)
{
    struct tca_anon *anon = tca_anon_new("geheim", 6);
    uint8_t real[16], wanted[16], got[16];
    address_of(anon_rows[_i].real, real);
    address_of(anon_rows[_i].shown, wanted);
    for (int again = 0; again < 2; again++) { /* computed, and remembered */
        tca_anon_address(anon, real, got);
        ck_assert_mem_eq(got, wanted, sizeof got);
        tca_anon_restore(anon, got, got);
        ck_assert_mem_eq(got, real, sizeof got);
    }
    tca_anon_address(NULL, real, got);
    ck_assert_mem_eq(got, real, sizeof got);
    tca_anon_free(anon);
}
END_TEST

static unsigned common_prefix(const uint8_t a[16], const uint8_t b[16])
{
    unsigned at = 0;
    while (at < 128 && !((a[at / 8] ^ b[at / 8]) & 0x80 >> at % 8))
        at++;
    return at;
}

/* More addresses than are remembered, of both kinds, near each other and near the blocks that stay. */
START_TEST(anonymous_prefixes)
{
    static const char *const near[] = {"0.0.0.0",  "127.0.0.1",  "224.0.0.1",  "255.255.255.255",
                                       "10.1.2.3", "::",         "::ffff:0:1", "fe80::1",
                                       "ff02::1",  "2001:db8::1"};
    struct tca_anon *anon = tca_anon_new("k", 1);
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 40000; i++) {
        uint8_t real[2][16], shown[2][16], back[16];
        address_of(near[i % 10], real[0]);
        memcpy(real[1], real[0], 16);
        for (int one = 0; one < 2; one++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            unsigned from = i % 10 < 5 ? 96 : 0;
            unsigned at = from + (unsigned)(seed >> 8) % (128 - from);
            real[one][at / 8] ^= (uint8_t)(0x80 >> at % 8);
            if (one)
                real[one][15] ^= (uint8_t)(seed >> 40);
            tca_anon_address(anon, real[one], shown[one]);
            tca_anon_restore(anon, shown[one], back);
            ck_assert_mem_eq(back, real[one], 16);
        }
        ck_assert_uint_eq(common_prefix(real[0], real[1]), common_prefix(shown[0], shown[1]));
    }
    tca_anon_free(anon);
}
END_TEST

START_TEST(anonymous_mac)
{
    struct tca_anon *anon = tca_anon_new("k", 1);
    uint8_t one[6] = {0x00, 0x16, 0x3e, 1, 2, 3}, group[6] = {0x01, 0, 0x5e, 1, 2, 3}, all[6], shown[6],
            again[6];
    tca_anon_mac(anon, one, shown);
    tca_anon_mac(anon, one, again);
    ck_assert_mem_eq(shown, again, 6);
    ck_assert_mem_ne(shown, one, 6);
    ck_assert_int_eq(shown[0] & 3, 2);
    tca_anon_mac(anon, group, shown);
    ck_assert_int_eq(shown[0] & 3, 3);
    memset(all, 0xff, sizeof all);
    tca_anon_mac(anon, all, shown);
    ck_assert_mem_eq(shown, all, 6);
    tca_anon_free(anon);
}
END_TEST

static void add_tables(TCase *tc)
{
    tcase_add_loop_test(tc, hmac_digest, 0, ROWS(hmac_rows));
    tcase_add_loop_test(tc, anonymous_address, 0, ROWS(anon_rows));
    tcase_add_test(tc, anonymous_prefixes);
    tcase_add_test(tc, anonymous_mac);
    tcase_add_loop_test(tc, seq_difference, 0, ROWS(seq_rows));
    tcase_add_loop_test(tc, seq_inside, 0, ROWS(within_rows));
    tcase_add_loop_test(tc, i64_text, 0, ROWS(i64_rows));
    tcase_add_test(tc, numbers_around_powers);
    tcase_add_test(tc, ip_patterns);
    tcase_add_loop_test(tc, seconds_text, 0, ROWS(seconds_rows));
    tcase_add_loop_test(tc, iso_text, 0, ROWS(iso_rows));
    tcase_add_loop_test(tc, ip_text, 0, ROWS(ip_rows));
    tcase_add_loop_test(tc, sorter_order, 0, ROWS(sorter_rows));
    tcase_add_loop_test(tc, sorter_takes, 0, ROWS(sorter_rows));
    tcase_add_loop_test(tc, sorter_tied, 0, ROWS(sorter_rows));
    tcase_add_loop_test(tc, sha1_digest, 0, ROWS(sha1_rows));
}

/* ---- sorting ---- */

/* How a list comes about: item n, of so many. */
typedef uint64_t pattern(uint64_t n, uint64_t count);

static uint64_t in_order(uint64_t n, uint64_t count)
{
    (void)count;
    return n;
}

static uint64_t backward(uint64_t n, uint64_t count)
{
    return count - n;
}

static uint64_t nearly(uint64_t n, uint64_t count)
{
    (void)count;
    return n ^ 1;
}

static uint64_t shuffled(uint64_t n, uint64_t count)
{
    (void)count;
    return n * UINT64_C(0x9e3779b97f4a7c15) ^ n << 60;
}

static uint64_t few_values(uint64_t n, uint64_t count)
{
    return shuffled(n, count) >> 62;
}

static uint64_t saw(uint64_t n, uint64_t count)
{
    (void)count;
    return n % 5;
}

static uint64_t all_alike(uint64_t n, uint64_t count)
{
    (void)n;
    (void)count;
    return 7;
}

static pattern *const patterns[] = {in_order, backward, nearly, shuffled, few_values, saw, all_alike};
static const uint64_t sizes[] = {0, 1, 2, 63, 64, 65, 66, 300, 5000};

START_TEST(sort_numbers)
{
    for (size_t size = 0; size < ROWS(sizes); size++) {
        uint64_t count = sizes[size], u64[5000];
        int64_t i64[5000];
        uint32_t u32[5000];
        for (uint64_t n = 0; n < count; n++) {
            u64[n] = patterns[_i](n, count);
            i64[n] = (int64_t)(u64[n] << 1) - 3;
            u32[n] = (uint32_t)u64[n];
        }
        tca_sort_u64(u64, count);
        tca_sort_i64(i64, count);
        tca_sort_u32(u32, count);
        bool sorted = true; /* asserted once: check takes note of each assertion */
        for (uint64_t n = 1; n < count; n++)
            sorted &= u64[n - 1] <= u64[n] && i64[n - 1] <= i64[n] && u32[n - 1] <= u32[n];
        ck_assert_msg(sorted, "%llu numbers", (unsigned long long)count);
    }
}
END_TEST

/* Sorted by two numbers and a name; the digest knows of the numbers only some. */
struct thing {
    uint64_t first, second;
    char name;
    uint64_t place; /* where it stood */
};

static int compare_things(const void *left, const void *right)
{
    const struct thing *a = left, *b = right;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    if (a->second != b->second)
        return a->second < b->second ? -1 : 1;
    return a->name - b->name;
}

static struct tca_digest whole_digest(const void *item)
{
    const struct thing *thing = item;
    return (struct tca_digest){thing->first, thing->second};
}

static struct tca_digest half_digest(const void *item)
{
    return (struct tca_digest){((const struct thing *)item)->first, 0};
}

static struct tca_digest coarse_digest(const void *item)
{
    return (struct tca_digest){((const struct thing *)item)->first >> 8, 0};
}

static struct tca_digest no_digest(const void *item)
{
    (void)item;
    return (struct tca_digest){0, 0};
}

START_TEST(sort_things)
{
    static tca_digest_fn *const digests[] = {whole_digest, half_digest, coarse_digest, no_digest};
    static struct thing thing[5000];
    pattern *first = patterns[(size_t)_i % ROWS(patterns)], *second = patterns[(size_t)_i / ROWS(patterns)];
    for (size_t at = 0; at < ROWS(sizes) * ROWS(digests); at++) {
        uint64_t count = sizes[at / ROWS(digests)];
        for (uint64_t n = 0; n < count; n++)
            thing[n] = (struct thing){first(n, count), second(n, count), (char)(n % 2), n};
        tca_sort(thing, count, sizeof *thing, digests[at % ROWS(digests)], compare_things);
        bool sorted = true, stable = true;
        for (uint64_t n = 1; n < count; n++) {
            int order = compare_things(&thing[n - 1], &thing[n]);
            sorted &= order <= 0;
            stable &= order || thing[n - 1].place < thing[n].place;
        }
        ck_assert_msg(sorted && stable, "%llu things", (unsigned long long)count);
    }
}
END_TEST

/* Addresses in their order: of each row and the next. */
static const struct {
    const char *why;
    uint32_t capture;
    const char *addr;
} place_rows[] = {
    {"nothing", 1, "::"},
    {"loopback", 1, "::1"},
    {"IPv4", 1, "::ffff:10.0.0.1"},
    {"the next one", 1, "::ffff:10.0.0.2"},
    {"the last of IPv4", 1, "::ffff:255.255.255.255"},
    {"behind IPv4", 1, "::2:0:0:0"},
    {"higher low half", 1, "::ffff:0:0:0"},
    {"the lowest bit of the high half", 1, "0:0:0:1::"},
    {"IPv6", 1, "2001:db8::a00:1"},
    {"differs in its last bits alone", 1, "2001:db8::a00:2"},
    {"another net", 1, "2001:db8:0:1::1"},
    {"multicast", 1, "ff02::1"},
    {"the next capture", 2, "::1"},
    {"the last that has a digest", (1 << 14) - 2, "ff02::1"},
    {"a capture that has none", (1 << 14) - 1, "::1"},
    {"the same capture", (1 << 14) - 1, "ff02::1"},
    {"a later one", 1 << 14, "::1"},
};

START_TEST(sort_digest_of_places)
{
    uint8_t addr[2][16];
    struct tca_digest d[2];
    for (int at = 0; at < 2; at++) {
        ck_assert_int_eq(inet_pton(AF_INET6, place_rows[_i + at].addr, addr[at]), 1);
        d[at] = tca_digest_place(place_rows[_i + at].capture, addr[at], at ? 0 : UINT64_MAX);
    }
    ck_assert_msg(d[0].first <= d[1].first, "%s", place_rows[_i + 1].why);
    ck_assert_msg(d[0].first < d[1].first || d[0].second <= d[1].second, "%s", place_rows[_i + 1].why);
}
END_TEST

/* Keys that are there once, twice, ... are kept where so many are asked for; of those that are not nearly none is. */
START_TEST(sieve_keeps)
{
    enum { KEYS = 1000 };
    struct tca_sieve sieve = tca_sieve_new(KEYS);
    unsigned kept = 0;
    for (uint64_t key = 0; key < KEYS; key++)
        tca_sieve_count(&sieve, key << 32 | 5, key < 900 ? 1 : key < 990 ? 2 : TCA_SIEVE_ALWAYS);
    tca_sieve_count(&sieve, UINT64_C(995) << 32 | 5, TCA_SIEVE_ALWAYS);
    for (uint64_t key = 0; key < KEYS; key++) {
        bool keeps = tca_sieve_keeps(&sieve, key << 32 | 5, 2);
        ck_assert(keeps || key < 900);
        ck_assert(key < 990 || tca_sieve_keeps(&sieve, key << 32 | 5, UINT8_MAX));
        kept += keeps && key < 900;
    }
    ck_assert_uint_lt(kept, 450);
    tca_sieve_done(&sieve);
    ck_assert(tca_sieve_keeps(&(struct tca_sieve){.slot = NULL}, 1, UINT8_MAX));
}
END_TEST

/* ---- a crew ---- */

enum { TASKS = 200 };
struct chores {
    _Atomic unsigned times[TASKS];
    unsigned seen[TASKS]; /* of the run before: written by one thread, read by another */
    unsigned run;
};

static void do_chore(void *user, unsigned task)
{
    struct chores *c = user;
    atomic_fetch_add(&c->times[task], 1);
    ck_assert_uint_eq(c->seen[(task + 1) % TASKS], c->run - 1);
}

static void write_chore(void *user, unsigned task)
{
    struct chores *c = user;
    c->seen[task] = c->run;
}

/* Each task once in each run, and a run sees what the one before it wrote. */
START_TEST(crew_does_each_task_once)
{
    enum { RUNS = 200 };
    struct tca_crew *crew = NULL;
    struct chores c = {0};

    if (_i)
        ck_assert_int_eq(tca_crew_new((unsigned)_i, &crew), TCA_OK);
    ck_assert_uint_eq(tca_crew_size(crew), _i ? (unsigned)_i : 1);
    for (c.run = 2; c.run < 2 + RUNS; c.run++)
        tca_crew_run(crew, c.run % 2 ? do_chore : write_chore, &c, TASKS);
    for (unsigned task = 0; task < TASKS; task++)
        ck_assert_uint_eq(atomic_load(&c.times[task]), RUNS / 2);
    tca_crew_run(crew, do_chore, &c, 0);
    tca_crew_free(crew);
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_add_loop_test(tc, crew_does_each_task_once, 0, 6);
    tcase_add_loop_test(tc, sort_numbers, 0, ROWS(patterns));
    tcase_add_loop_test(tc, sort_things, 0, ROWS(patterns) * ROWS(patterns));
    tcase_add_loop_test(tc, sort_digest_of_places, 0, ROWS(place_rows) - 1);
    tcase_add_test(tc, sieve_keeps);
    tcase_add_loop_test(tc, clip_joins, 0, ROWS(clip_rows));
    tcase_add_test(tc, clip_ends_at_a_zero);
    tcase_add_loop_test(tc, text_shown, 0, ROWS(text_rows));
    tcase_add_test(tc, u64_text);
    tcase_add_test(tc, sorter_stops);
    tcase_add_loop_test(tc, sorter_replaces, 0, ROWS(version_rows));
    tcase_add_loop_test(tc, sorter_keeps_aside, 0, ROWS(version_rows));
    tcase_add_loop_test(tc, sorter_walks_owners, 0, ROWS(owner_rows) * ROWS(wanted_rows));
    tcase_add_loop_test(tc, pack_brings_back, 0, ROWS(pack_rows));
    tcase_add_test(tc, numbered_objects);
    tcase_add_test(tc, sorter_without_temporary_folder);
    tcase_add_test(tc, buf_grows);
    tcase_add_test(tc, buf_keeps_zero_bytes);
    tcase_add_test(tc, buf_failed_stays_failed);
    tcase_add_test(tc, alloc_is_zeroed);
    tcase_add_test(tc, grow_checks_overflow);
    tcase_add_test(tc, pool_gives_zeroed_aligned_objects);
    tcase_add_test(tc, pool_reuses_what_is_given_back);
    tcase_add_test(tc, stash_reuses_what_is_given_back);
    tcase_add_test(tc, stash_of_growing_blocks);
    tcase_add_test(tc, pool_of_large_objects);
}

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *tc = tcase_create("base");

    add_tables(tc);
    add_tests(tc);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
