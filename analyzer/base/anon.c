/* SPDX-License-Identifier: MIT
 *
 * The bits of an address are a path down a binary tree, and each node has a secret bit that says whether its two branches are
 * swapped. Which branch an address takes at a node depends on the node alone, so common prefixes stay common, and no longer ones
 * come to be.
 *
 *      address   0 1 1 0 ...        shown bit n = real bit n ^ swapped(real bits 0 to n - 1)
 *
 * The secret bits of a node and of all below it in its and the next six levels, 127 of them, come from one HMAC-SHA1: of the depth
 * and the prefix. So an IPv4 address takes five of these, an IPv6 address nineteen.
 *
 * Some blocks stay where they are, since what is in them is no host's address, or since readers look at the block: then no node
 * above such a block is swapped (blocks[]). This is what the shown address tells of the real one.
 *
 * What was computed is kept in a table of fixed size that all threads look into without waiting: an entry's sequence number is odd
 * while somebody writes into it, and who reads one that changed meanwhile computes anew.
 */
#include "base/anon.h"

#include "base/alloc.h"
#include "base/sha1.h"

#include <endian.h>
#include <stdatomic.h>

enum {
    BITS = 128,
    LEVELS = 7, /* of the tree in one digest: 2^7 - 1 nodes of 160 bits */
    DIGEST = 20,
    ROUNDS = 20000, /* of stretching the key: whoever guesses keys pays for each */
    ENTRIES = 1 << 14,
};

/* Of these, so many leading bits; `whole`: what is in it stays, too. */
static const struct block {
    uint8_t prefix[16];
    uint8_t length;
    bool whole;
} blocks[] = {
    {{[10] = 0xff, [11] = 0xff}, 96, false},                                /* IPv4 */
    {{[10] = 0xff, [11] = 0xff, [12] = 0}, 96 + 8, true},                   /* 0.0.0.0/8: this network */
    {{[10] = 0xff, [11] = 0xff, [12] = 127}, 96 + 8, true},                 /* loopback */
    {{[10] = 0xff, [11] = 0xff, [12] = 224}, 96 + 4, false},                /* multicast */
    {{[10] = 0xff, [11] = 0xff, [12] = 255, 255, 255, 255}, 96 + 32, true}, /* broadcast */
    {{0}, 127, true},                                                       /* :: and ::1 */
    {{0xfe, 0x80}, 10, false},                                              /* link-local */
    {{0xff}, 8, false},                                                     /* multicast */
};

struct entry {
    _Atomic uint32_t sequence;
    _Atomic uint64_t word[6]; /* three of the question, three of the answer */
};

struct tca_anon {
    struct tca_hmac key;
    struct entry entry[ENTRIES];
};

/* What is asked for: the digest at a depth, or a whole address. */
enum { ASK_SHOWN = BITS, ASK_REAL, ASK_MAC };

/* ---- what was computed before ---- */

struct question {
    uint64_t word[3];
};

static struct question question_of(const uint8_t bytes[16], unsigned what)
{
    struct question q = {.word = {[2] = what + 1u}}; /* no entry begins with one */
    memcpy(q.word, bytes, 16);
    return q;
}

static struct entry *place_of(struct tca_anon *anon, const struct question *q)
{
    uint64_t mixed = q->word[0] * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 29 ^ q->word[1]) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 32 ^ q->word[2]) * UINT64_C(0x94d049bb133111eb);
    return &anon->entry[mixed >> 40 & (ENTRIES - 1)];
}

static bool recall(struct entry *entry, const struct question *q, uint64_t ret_answer[3])
{
    uint32_t before = atomic_load_explicit(&entry->sequence, memory_order_acquire);
    uint64_t word[6];
    for (int at = 0; at < 6; at++)
        word[at] = atomic_load_explicit(&entry->word[at], memory_order_acquire);
    if (before & 1 || atomic_load_explicit(&entry->sequence, memory_order_acquire) != before ||
        memcmp(word, q->word, sizeof q->word) != 0)
        return false;
    memcpy(ret_answer, word + 3, 3 * sizeof *word);
    return true;
}

/* Where another thread writes as well, nothing is kept. */
static void keep(struct entry *entry, const struct question *q, const uint64_t answer[3])
{
    uint32_t before = atomic_load_explicit(&entry->sequence, memory_order_relaxed);
    if (before & 1 || !atomic_compare_exchange_strong(&entry->sequence, &before, before + 1))
        return;
    for (int at = 0; at < 3; at++) {
        atomic_store_explicit(&entry->word[at], q->word[at], memory_order_release);
        atomic_store_explicit(&entry->word[3 + at], answer[at], memory_order_release);
    }
    atomic_store_explicit(&entry->sequence, before + 2, memory_order_release);
}

/* ---- the tree ---- */

static void digest_of(const struct tca_anon *anon, const uint8_t bytes[16], unsigned what,
                      uint8_t ret[DIGEST])
{
    uint8_t message[17] = {(uint8_t)what};
    memcpy(message + 1, bytes, 16);
    tca_hmac_of(&anon->key, message, sizeof message, ret);
}

/* The secret bits below the node that the first `depth` bits lead to. */
static void node_bits(struct tca_anon *anon, const uint8_t path[16], unsigned depth, uint8_t ret[DIGEST])
{
    uint8_t prefix[16] = {0};
    memcpy(prefix, path, depth / 8);
    if (depth % 8)
        prefix[depth / 8] = (uint8_t)(path[depth / 8] & 0xff00 >> depth % 8);
    const struct question q = question_of(prefix, depth);
    struct entry *entry = place_of(anon, &q);
    uint64_t answer[3] = {0};
    if (!recall(entry, &q, answer)) {
        digest_of(anon, prefix, depth, ret);
        memcpy(answer, ret, DIGEST);
        keep(entry, &q, answer);
    }
    memcpy(ret, answer, DIGEST);
}

static unsigned bit_at(const uint8_t *bytes, unsigned at)
{
    return bytes[at / 8] >> (7 - at % 8) & 1;
}

static void put_bit(uint8_t *bytes, unsigned at, unsigned bit)
{
    uint8_t mask = (uint8_t)(0x80 >> at % 8);
    bytes[at / 8] = (uint8_t)(bit ? bytes[at / 8] | mask : bytes[at / 8] & ~mask);
}

static unsigned common_bits(const uint8_t a[16], const uint8_t b[16], unsigned most)
{
    for (unsigned half = 0; half < BITS; half += 64) {
        uint64_t x, y;
        memcpy(&x, a + half / 8, sizeof x);
        memcpy(&y, b + half / 8, sizeof y);
        if (x != y) {
            unsigned count = half + (unsigned)__builtin_clzll(be64toh(x ^ y));
            return count < most ? count : most;
        }
    }
    return most;
}

/* So many leading bits are shown as they are: those that lead along a block, the one that leaves it, and in some all. It is the same
 * of the real address and of the one shown. */
static unsigned bits_kept(const uint8_t addr[16])
{
    unsigned kept = 0;
    for (size_t at = 0; at < sizeof blocks / sizeof *blocks; at++) {
        const struct block *b = &blocks[at];
        unsigned common = common_bits(addr, b->prefix, b->length);
        unsigned here = common < b->length ? common + 1 : b->whole ? BITS : common;
        kept = here > kept ? here : kept;
    }
    return kept;
}

/* `back`: `from` is what was shown. The path is that of the real address either way. */
static void go_down(struct tca_anon *anon, const uint8_t from[16], bool back, uint8_t to[16])
{
    enum { MAPPED = 96 };
    unsigned kept = bits_kept(from),
             begin = common_bits(from, blocks[0].prefix, MAPPED) == MAPPED ? MAPPED : 0;
    memcpy(to, from, 16);
    const uint8_t *real = back ? to : from;
    for (unsigned depth = begin; depth < BITS; depth += LEVELS) {
        uint8_t secret[DIGEST];
        if (depth + LEVELS <= kept)
            continue;
        node_bits(anon, real, depth, secret);
        for (unsigned at = depth, node = 0; at < depth + LEVELS && at < BITS; at++) {
            if (at >= kept)
                put_bit(to, at, bit_at(from, at) ^ bit_at(secret, node));
            node = 2 * node + 1 + bit_at(real, at);
        }
    }
}

static void change(struct tca_anon *anon, const uint8_t from[16], bool back, uint8_t ret[16])
{
    uint64_t answer[3] = {0};
    if (!anon) {
        memmove(ret, from, 16);
        return;
    }
    const struct question q = question_of(from, back ? ASK_REAL : ASK_SHOWN);
    struct entry *entry = place_of(anon, &q);
    if (!recall(entry, &q, answer)) {
        uint8_t to[16];
        go_down(anon, from, back, to);
        memcpy(answer, to, sizeof to);
        keep(entry, &q, answer);
    }
    memcpy(ret, answer, 16);
}

/* ---- what others ask ---- */

struct tca_anon *tca_anon_new(const void *key, size_t count)
{
    static const uint8_t salt[] = "tcpautopsy --anonymize\0\0\0\1"; /* with the number of the block */
    struct tca_anon *anon = tca_alloc(sizeof *anon);
    if (!anon)
        return NULL;
    struct tca_hmac typed;
    uint8_t digest[DIGEST], sum[DIGEST];
    tca_hmac_init(&typed, key, count);
    tca_hmac_of(&typed, salt, sizeof salt - 1, digest); /* PBKDF2, RFC 8018 section 5.2 */
    memcpy(sum, digest, sizeof sum);
    for (int round = 1; round < ROUNDS; round++) {
        tca_hmac_of(&typed, digest, sizeof digest, digest);
        for (int at = 0; at < DIGEST; at++)
            sum[at] ^= digest[at];
    }
    tca_hmac_init(&anon->key, sum, sizeof sum);
    return anon;
}

void tca_anon_free(struct tca_anon *anon)
{
    tca_free(anon);
}

void tca_anon_address(struct tca_anon *anon, const uint8_t real[16], uint8_t ret[16])
{
    change(anon, real, false, ret);
}

void tca_anon_restore(struct tca_anon *anon, const uint8_t shown[16], uint8_t ret[16])
{
    change(anon, shown, true, ret);
}

void tca_anon_mac(struct tca_anon *anon, const uint8_t real[6], uint8_t ret[6])
{
    enum { GROUP = 0x01, LOCAL = 0x02 };
    static const uint8_t none[6], all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t padded[16] = {0}, digest[DIGEST];
    if (!anon || !memcmp(real, none, sizeof none) || !memcmp(real, all, sizeof all)) {
        memmove(ret, real, 6);
        return;
    }
    memcpy(padded, real, 6);
    digest_of(anon, padded, ASK_MAC, digest);
    uint8_t first = (uint8_t)((digest[0] & ~(GROUP | LOCAL)) | LOCAL | (real[0] & GROUP));
    memcpy(ret, digest, 6);
    ret[0] = first;
}

void tca_anon_ip(struct tca_buf *buf, struct tca_anon *anon, const uint8_t addr[16], int family)
{
    uint8_t shown[16];
    tca_anon_address(anon, addr, shown);
    tca_buf_ip(buf, shown, family);
}
