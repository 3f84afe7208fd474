/* SPDX-License-Identifier: MIT
 *
 * Payload in vain, away from the server. After a SYN cookie there is no request: where its ACK meets a full accept queue, the server
 * keeps silent, and the client takes itself for connected. From the client's side a path that died looks the same; but that
 * silences others as well:
 *
 *     this one    SYN+ACK ........ payload ...... payload ............. payload     nothing but its SYN+ACK
 *     others               SYN+ACK        SYN+ACK          SYN+ACK                  of the same listener, to the same client
 *
 * A device that drops what belongs to one connection only, by what its payload says, explains it as well: so the listener must be known to
 * send cookies, or its queue to have been full (handshake_cookie.c). One sort, and a search for each.
 */
#include "classify/pressure/attempt.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"

#include <tcpautopsy/error.h>

#define MS INT64_C(1000000)

enum {
    OTHERS_MIN = 2, /* answered meanwhile; itself not among them */
    MARKED_MIN = 3, /* connections that bear the marks of a cookie */
};

struct answer {
    uint32_t client;
    int64_t time_ns;
};

static int compare_answers(const void *left, const void *right)
{
    const struct answer *a = left, *b = right;
    int order = tca_compare_u64(a->client, b->client);
    return order ? order : tca_compare_i64(a->time_ns, b->time_ns);
}

static struct tca_digest digest_answer(const void *item)
{
    const struct answer *a = item;
    return (struct tca_digest){a->client, tca_digest_i64(a->time_ns)};
}

/* How many of them come before this client's at that time. */
static size_t before(const struct answer *answer, size_t count, uint32_t client, int64_t time_ns)
{
    const struct answer one = {client, time_ns};
    size_t low = 0, high = count;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (compare_answers(&answer[at], &one) < 0)
            low = at + 1;
        else
            high = at;
    }
    return low;
}

bool tca_vain_marked(const struct tca_tries *t)
{
    uint64_t answered = 0, bare = 0, served = 0, shrunk = 0, clocks = 0, lags = 0;
    for (size_t at = 0; at < t->count; at++) {
        const struct tca_attempt *a = t->one[at];
        bool lag = a->cookie == TCA_WORD_LAG;
        answered += a->cookie != TCA_WORD_NONE;
        bare += a->cookie == TCA_WORD_OPTIONS && a->family == 4; /* IPv6 has no ID by which it is Linux */
        served += (a->flags & TCA_TRY_SERVED) != 0;
        shrunk += a->shrunk;
        lags += lag;
        clocks += lag || a->cookie == TCA_WORD_FRESH || a->cookie == TCA_WORD_ODD;
    }
    return (bare >= MARKED_MIN && 2 * bare >= answered) || (shrunk >= MARKED_MIN && 2 * shrunk >= served) ||
           (lags >= MARKED_MIN && 5 * lags >= 4 * clocks);
}

static int press(const struct tca_tries *t, const struct answer *answer, size_t count, enum tca_vain what)
{
    for (size_t at = 0; at < t->count; at++) {
        struct tca_attempt *a = t->one[at];
        if (!a->vain_ms)
            continue;
        int64_t from_ns = a->synack_ns + 1, until_ns = a->synack_ns + a->vain_ms * MS;
        size_t others =
            before(answer, count, a->client_host, until_ns) - before(answer, count, a->client_host, from_ns);
        if (others < OTHERS_MIN)
            continue;
        struct tca_pressed *pressed = tca_pressed_of(t->p, a);
        if (!pressed)
            return TCA_EMEMORY;
        pressed->vain = (uint8_t)what;
    }
    return TCA_OK;
}

int tca_vain_read(const struct tca_tries *t, bool cookies)
{
    size_t count = 0;
    bool any = false;
    for (size_t at = 0; at < t->count; at++)
        any |= t->one[at]->vain_ms > 0;
    struct answer *answer = any ? tca_alloc(t->count * sizeof *answer) : NULL;
    if (!answer)
        return any ? TCA_EMEMORY : TCA_OK;
    for (size_t at = 0; at < t->count; at++)
        if (t->one[at]->synack_ns >= 0)
            answer[count++] = (struct answer){t->one[at]->client_host, t->one[at]->synack_ns};
    tca_sort(answer, count, sizeof *answer, digest_answer, compare_answers);
    int error = press(t, answer, count, cookies ? TCA_VAIN_COOKIE : TCA_VAIN_ALONE);
    tca_free(answer);
    return error;
}
