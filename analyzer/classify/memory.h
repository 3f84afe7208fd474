/* SPDX-License-Identifier: MIT
 *
 * What the judges of one case found out on the way, so that the next one need not read it again: each is asked as before
 * (tca_opening_of, tca_closing_of, ...) and reads it when first asked. A case without a memory is read anew each time,
 * with the same result. One memory serves one case after the other; tca_judge_flow() begins the next.
 */
#ifndef TCA_CLASSIFY_MEMORY_H
#define TCA_CLASSIFY_MEMORY_H

#include "classify/closing.h"
#include "classify/ladder.h"
#include "classify/opening.h"
#include "classify/resets.h"

/* Resets that are more than a consequence of an earlier one: as a rule one of each side. */
enum { TCA_RSTS_REMEMBERED = 8 };

/* The judges to ask where just these facts hold, in the order of the registry. */
struct tca_asked {
    uint32_t facts;
    uint8_t count; /* 0: not known yet */
    uint8_t id[TCA_FINDING_COUNT];
};
/* Few combinations of facts make up nearly all connections. */
enum { TCA_ASKED_BITS = 5, TCA_ASKED_LISTS = 1 << TCA_ASKED_BITS };

/* All zero: it knows nothing. */
struct tca_memory {
    /* Of the case at hand. */
    uint32_t facts;
    bool knows_opening, knows_closing, knows_reset, knows_ladder,
        knows_resets; /* else what follows means nothing */
    struct tca_opening opening;
    struct tca_closing closing;
    struct tca_reset reset;
    struct tca_ladder_reading ladder;
    unsigned told; /* resets; more than there is room for: none is remembered */
    struct tca_rst_told rst[TCA_RSTS_REMEMBERED];

    struct tca_asked asked[TCA_ASKED_LISTS]; /* of all cases; by a hash of the facts */
};

/* Nothing but the facts of the case at hand is known yet. */
static inline void tca_memory_begin(struct tca_memory *memory, uint32_t facts)
{
    memory->facts = facts;
    memory->knows_opening = memory->knows_closing = memory->knows_reset = false;
    memory->knows_ladder = memory->knows_resets = false;
}

#endif
