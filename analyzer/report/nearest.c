/* SPDX-License-Identifier: MIT
 *
 * Edit distance with neighbouring letters swapped as one change, over three short rows.
 */
#include "report/nearest.h"

#include "classify/finding.h"

#include <string.h>

enum { WORD_MAX = 64 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned distance(const char *a, const char *b)
{
    unsigned row[3][WORD_MAX + 1];
    unsigned a_length = (unsigned)strlen(a), b_length = (unsigned)strlen(b);
    if (a_length > WORD_MAX || b_length > WORD_MAX)
        return WORD_MAX;
    unsigned *before = row[0], *last = row[1], *now = row[2];
    for (unsigned k = 0; k <= b_length; k++)
        last[k] = k;
    for (unsigned i = 1; i <= a_length; i++) {
        now[0] = i;
        for (unsigned k = 1; k <= b_length; k++) {
            unsigned change = last[k - 1] + (a[i - 1] != b[k - 1]);
            now[k] = least(change, least(last[k], now[k - 1]) + 1);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                now[k] = least(now[k], before[k - 2] + 1);
        }
        unsigned *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b_length];
}

void tca_nearest_init(struct tca_nearest *near, const char *word)
{
    unsigned third = (unsigned)(strlen(word) / 3);
    *near = (struct tca_nearest){.word = word, .distance = (third < 2 ? 2 : third) + 1};
}

void tca_nearest_offer(struct tca_nearest *near, const char *name)
{
    unsigned d = distance(near->word, name);
    if (d < near->distance && d < strlen(name)) {
        near->distance = d;
        near->best = name;
    }
}

/* Does the id consist of these two? */
static bool is_joined(const char *id, const char *family, const char *rest)
{
    size_t length = strlen(family);
    return strncmp(id, family, length) == 0 && strcmp(id + length, rest) == 0;
}

/* Short forms that people write, and the empty one: handshake and close columns show ids without their family. */
static const struct {
    const char *brief, *family;
} families[] = {{"hs_", "handshake_"}, {"sa_", "synack_"}, {"ov_", "overflow_"},
                {"tw_", "time_wait_"}, {"", "handshake_"}, {"", "close_"}};

const char *tca_nearest_finding(const char *word)
{
    struct tca_nearest near;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        size_t length = strlen(families[i].brief);
        for (int at = 0; at < TCA_FINDING_COUNT && strncmp(word, families[i].brief, length) == 0; at++)
            if (is_joined(tca_findings[at].id, families[i].family, word + length))
                return tca_findings[at].id;
    }
    tca_nearest_init(&near, word);
    for (int at = 0; at < TCA_FINDING_COUNT; at++)
        tca_nearest_offer(&near, tca_findings[at].id);
    return near.best;
}
