/* SPDX-License-Identifier: MIT
 *
 * TCP options. Kinds and sizes: RFC 9293 section 3.2, 7323 (window scale, timestamps), 2018 (SACK), 7413
 * (fast open; 6994 for its experimental form), 8684 (multipath), 9768 (accurate ECN).
 *
 * Two kinds of damage are told apart. A length below 2 or beyond the header breaks the chain: the rest cannot
 * be found. A known kind of the wrong size breaks only itself: it is passed over without effect, as Linux
 * does (tcp_parse_options). Both set `malformed`. Where the same option comes twice the later one holds, as
 * in Linux.
 */
#include "decode/walk.h"

enum { EXPERIMENT_FAST_OPEN = 0xf989 }; /* RFC 7413 appendix B */

/* Take in one option's `len` bytes of data; false when they are no such option. */
typedef bool option_reader(const uint8_t *data, uint8_t len, struct tca_options *options);

static bool read_mss(const uint8_t *data, uint8_t len, struct tca_options *options)
{
    if (len != 2)
        return false;
    options->has_mss = true;
    options->mss = be16(data);
    return true;
}

static bool read_wscale(const uint8_t *data, uint8_t len, struct tca_options *options)
{
    if (len != 1)
        return false;
    options->has_wscale = true;
    options->wscale = data[0];
    return true;
}

static bool read_sack_permitted(const uint8_t *data, uint8_t len, struct tca_options *options)
{
    (void)data;
    if (len != 0)
        return false;
    options->sack_ok = true;
    return true;
}

static bool read_sack(const uint8_t *data, uint8_t len, struct tca_options *options)
{
    if (len == 0 || len % 8 != 0 || len / 8 > 4)
        return false;
    options->sack_count = len / 8;
    for (uint8_t i = 0; i < options->sack_count; i++) {
        options->sack[i][0] = be32(data + i * 8);
        options->sack[i][1] = be32(data + i * 8 + 4);
    }
    return true;
}

static bool read_timestamps(const uint8_t *data, uint8_t len, struct tca_options *options)
{
    if (len != 8)
        return false;
    options->has_ts = true;
    options->tsval = be32(data);
    options->tsecr = be32(data + 4);
    return true;
}

/* No cookie is a request for one; a cookie has 4 to 16 bytes, an even number. */
static bool read_fast_open(const uint8_t *data, uint8_t len, struct tca_options *options)
{
    (void)data;
    if (len != 0 && (len < 4 || len > 16 || len % 2 != 0))
        return false;
    options->has_tfo = true;
    options->tfo_cookie_len = len;
    return true;
}

/* An experiment nobody here knows is no damage. */
static bool read_experiment(const uint8_t *data, uint8_t len, struct tca_options *options)
{
    if (len < 2 || be16(data) != EXPERIMENT_FAST_OPEN)
        return true;
    return read_fast_open(data + 2, (uint8_t)(len - 2), options);
}

static bool read_multipath(const uint8_t *data, uint8_t len, struct tca_options *options)
{
    (void)data;
    options->has_mptcp = len >= 1;
    return len >= 1;
}

/* Zero to three counters of three bytes. */
static bool read_accurate_ecn(const uint8_t *data, uint8_t len, struct tca_options *options)
{
    (void)data;
    if (len % 3 != 0 || len > 9)
        return false;
    options->has_accecn = true;
    return true;
}

static option_reader *const readers[256] = {
    [TCA_OPTION_MSS] = read_mss,
    [TCA_OPTION_WSCALE] = read_wscale,
    [TCA_OPTION_SACK_OK] = read_sack_permitted,
    [TCA_OPTION_SACK] = read_sack,
    [TCA_OPTION_TS] = read_timestamps,
    [TCA_OPTION_MPTCP] = read_multipath,
    [TCA_OPTION_TFO] = read_fast_open,
    [TCA_OPTION_ACCECN0] = read_accurate_ecn,
    [TCA_OPTION_ACCECN1] = read_accurate_ecn,
    [TCA_OPTION_EXPERIMENT] = read_experiment,
};

static void note_order(struct tca_options *options, uint8_t kind)
{
    if (options->order_count < TCA_OPTION_ORDER_MAX)
        options->order[options->order_count++] = kind;
}

/* One option with a length byte, of which `captured` bytes can be read and `size` may be used. Returns its
 * length, which reaches beyond `captured` where the record was cut; 0 when the chain is broken. */
static uint32_t parse_one(const uint8_t *bytes, uint32_t captured, uint32_t size, struct tca_options *options)
{
    uint8_t kind = bytes[0];
    uint8_t len = captured < 2 ? 2 : bytes[1];

    if (len < 2 || len > size) {
        options->malformed = true;
        return 0;
    }
    if (len > captured)
        return len;
    note_order(options, kind);
    if (readers[kind] && !readers[kind](bytes + 2, (uint8_t)(len - 2), options))
        options->malformed = true;
    return len;
}

void tca_options_parse(const uint8_t *bytes, uint32_t captured, uint32_t size, struct tca_options *options)
{
    uint32_t at = 0;

    while (at < captured) {
        uint32_t len = 1;

        if (bytes[at] > TCA_OPTION_NOP)
            len = parse_one(bytes + at, captured - at, size - at, options);
        else
            note_order(options, bytes[at]);
        if (len == 0 || bytes[at] == TCA_OPTION_END)
            return;
        at += len;
    }
    options->cut = captured < size;
}
