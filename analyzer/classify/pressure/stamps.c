/* SPDX-License-Identifier: MIT
 *
 * SYN cookies by what the SYN+ACKs of one listener show together. Two marks of a flow are weak alone and strong beside
 * its neighbours':
 *
 *     clock    A cookie's TSval lags, and all cookies of a host name times of one phase (cookie.h). The clock of a busy
 *              server lags now and then as well, but then by chance: of 64 such pairs three agree in phase.
 *     window   The child offers less than the SYN+ACK did. Where the server's ordinary connections do not, that is a
 *              cookie's.
 *
 * That a full SYN queue makes both requests and cookies, in turns, says nothing against either. Once it is known that
 * there are cookies, their phase and their windows also tell the requests: whose stamp is fresh and of another phase
 * had a request, and so had who kept its window where cookies of like clients do not.
 *
 * Clocks drift apart, so each is compared with its next neighbours in time only. One sort and two walks.
 */
#include "classify/pressure/attempt.h"

#include "base/alloc.h"
#include "base/sort.h"

#include <stdlib.h>
#include <tcpautopsy/error.h>

#define SECOND INT64_C(1000000000)

static const int64_t COMPARABLE_NS = 20 * SECOND;
enum {
    ALIKE_US = 1500,      /* the clock counts whole ms, and the capture sees it a little later */
    UNLIKE_US = 3500,     /* surely another phase */
    DRIFT = 10000,        /* one part in so many, that two clocks drift apart */
    NEXT_STEP_US = 32000, /* time stamps farther apart than this are different ones */
    PAIRS_MIN = 2,        /* of different cookies that agree: by chance once in 500 */
};

struct stamps {
    struct tca_attempt **one; /* owned: those whose clock is known, by time */
    size_t count;
    size_t agree, differ;   /* pairs of neighbours that lag */
    size_t both, kept;      /* lag and shrunk window; fresh, and kept it */
    bool taken_back;        /* by a connection that had a request */
    uint32_t mss;           /* of the clients whose cookies take back the window */
    bool mss_known, always; /* always: and each of their cookies did */
};

static int compare_stamps(const void *left, const void *right)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)left,
                             *b = *(struct tca_attempt *const *)right;
    int order = tca_compare_i64(a->stamped_ns, b->stamped_ns);
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

static struct tca_digest digest_stamp(const void *item)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)item;
    return (struct tca_digest){tca_digest_i64(a->stamped_ns), a->frame};
}

static bool lags(const struct tca_attempt *a)
{
    return a->cookie == TCA_WORD_LAG;
}

static bool fresh(const struct tca_attempt *a)
{
    return a->cookie == TCA_WORD_FRESH;
}

/* ---- pairs ---- */

enum likeness { TOO_FAR, ALIKE, NEITHER, UNLIKE };

static enum likeness compare_phases(const struct tca_attempt *a, const struct tca_attempt *b)
{
    int64_t apart_ns = llabs(a->stamped_ns - b->stamped_ns);
    if (apart_ns > COMPARABLE_NS)
        return TOO_FAR;
    int64_t between = llabs((int64_t)a->stamp.phase_us - b->stamp.phase_us), drift = apart_ns / 1000 / DRIFT;
    if (between > TCA_STAMP_STEP_US / 2)
        between = TCA_STAMP_STEP_US - between;
    return between <= ALIKE_US + drift ? ALIKE : between >= UNLIKE_US + drift ? UNLIKE : NEITHER;
}

/* Beside each other they say more than one of them alone: they name different times, or the same at different ones. */
static bool independent(const struct tca_attempt *a, const struct tca_attempt *b)
{
    return llabs(a->stamp.named_us - b->stamp.named_us) >= NEXT_STEP_US ||
           llabs(a->stamp.lag_us - b->stamp.lag_us) >= TCA_COOKIE_SKEW_MIN * 1000;
}

static void count_pairs(struct stamps *s)
{
    const struct tca_attempt *before = NULL;
    for (size_t at = 0; at < s->count; at++) {
        const struct tca_attempt *a = s->one[at];
        if (!lags(a))
            continue;
        enum likeness like = before && independent(before, a) ? compare_phases(before, a) : TOO_FAR;
        s->agree += like == ALIKE;
        s->differ += like == NEITHER || like == UNLIKE;
        before = a;
    }
}

/* ---- neighbours ---- */

/* What the nearest cookies before and after say of each one's phase: ALIKE if one of them agrees, UNLIKE if none does. */
static void ask_neighbours(const struct stamps *s, bool (*is_witness)(const struct tca_attempt *),
                           uint8_t *ret_like)
{
    for (int back = 0; back < 2; back++) {
        const struct tca_attempt *witness = NULL;
        for (size_t n = 0; n < s->count; n++) {
            size_t at = back ? s->count - 1 - n : n;
            enum likeness like = witness ? compare_phases(witness, s->one[at]) : TOO_FAR;
            bool better = ret_like[at] == TOO_FAR || (like != TOO_FAR && like < ret_like[at]);
            if (!back || better)
                ret_like[at] = (uint8_t)like;
            if (is_witness(s->one[at]))
                witness = s->one[at];
        }
    }
}

static bool is_cookie(const struct tca_attempt *a)
{
    return a->cookie == TCA_WORD_COOKIE;
}

static bool lags_and_shrinks(const struct tca_attempt *a)
{
    return lags(a) && a->shrunk;
}

/* ---- windows ---- */

static uint32_t mss_of(const struct tca_attempt *a)
{
    return (uint32_t)(a->print >> 16 & 0xffff);
}

/* Who has a request for sure, by its timer or by the phase of its fresh stamp, must not take back its window. */
static void read_windows(struct stamps *s, const struct tca_tries *t, const uint8_t *like)
{
    for (size_t at = 0; at < t->count; at++)
        s->taken_back |= t->one[at]->shrunk && t->one[at]->cookie == TCA_WORD_REQUEST;
    for (size_t at = 0; at < s->count; at++) {
        const struct tca_attempt *a = s->one[at];
        s->both += lags_and_shrinks(a);
        s->taken_back |= fresh(a) && a->shrunk && like[at] == UNLIKE;
    }
}

/* Of which clients the windows tell: those of the first cookie that took it back. */
static void find_class(struct stamps *s)
{
    for (size_t at = 0; at < s->count && !s->mss_known; at++)
        if (is_cookie(s->one[at]) && s->one[at]->shrunk) {
            s->mss = mss_of(s->one[at]);
            s->mss_known = s->always = true;
        }
    for (size_t at = 0; at < s->count; at++)
        if (is_cookie(s->one[at]) && mss_of(s->one[at]) == s->mss)
            s->always &= s->one[at]->shrunk;
}

/* ---- settling ---- */

static void call_request(struct tca_attempt *a)
{
    a->cookie = TCA_WORD_REQUEST;
    a->extra = a->synacks ? a->synacks - 1 : 0; /* those before it may have been cookies */
}

static void settle_lags(const struct stamps *s, uint8_t *like)
{
    ask_neighbours(s, lags, like);
    for (size_t at = 0; at < s->count; at++) {
        struct tca_attempt *a = s->one[at];
        if (!lags(a))
            continue;
        bool odd = like[at] == UNLIKE && !a->shrunk;
        a->cookie = odd ? TCA_WORD_MAYBE : TCA_WORD_COOKIE;
    }
}

static void settle_fresh(const struct stamps *s, uint8_t *like)
{
    ask_neighbours(s, is_cookie, like);
    for (size_t at = 0; at < s->count; at++) {
        struct tca_attempt *a = s->one[at];
        bool told = s->mss_known && !s->taken_back && mss_of(a) == s->mss;
        if (!fresh(a))
            continue;
        if (like[at] == UNLIKE || (told && s->always && !a->shrunk))
            call_request(a);
        else if (told && a->shrunk && like[at] == ALIKE)
            a->cookie = TCA_WORD_COOKIE;
    }
}

static bool settle(struct stamps *s, const struct tca_tries *t, bool known, uint8_t *like)
{
    count_pairs(s);
    ask_neighbours(s, lags_and_shrinks, like);
    read_windows(s, t, like);
    bool clocks = s->agree >= PAIRS_MIN && 4 * s->differ <= s->agree;
    bool windows = s->both && !s->taken_back && !s->differ;
    if (!clocks && !windows && !known)
        return false;
    settle_lags(s, like);
    find_class(s);
    settle_fresh(s, like);
    return clocks || windows;
}

int tca_stamps_settle(const struct tca_tries *t, bool known, bool *ret_cookies)
{
    struct stamps s = {.one = tca_alloc(t->count * sizeof(struct tca_attempt *))};
    uint8_t *like = tca_alloc(t->count);
    int error = s.one && like ? TCA_OK : TCA_EMEMORY;
    for (size_t at = 0; at < t->count && !error; at++)
        if (t->one[at]->stamped && (lags(t->one[at]) || fresh(t->one[at])))
            s.one[s.count++] = t->one[at];
    if (!error && s.count) {
        tca_sort(s.one, s.count, sizeof(struct tca_attempt *), digest_stamp, compare_stamps);
        *ret_cookies |= settle(&s, t, known, like);
    }
    tca_free(s.one);
    tca_free(like);
    return error;
}
