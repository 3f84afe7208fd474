/* SPDX-License-Identifier: MIT
 *
 * Names and meanings of outcomes, expanded from outcome.def.
 */
#include "decode/outcome.h"

static const struct {
    const char *name;
    const char *meaning;
} outcomes[TCA_OUTCOME_COUNT] = {
#define OUTCOME(name, meaning) [TCA_OUTCOME_##name] = {#name, meaning},
#include "decode/outcome.def"
#undef OUTCOME
};

const char *tca_outcome_name(enum tca_outcome outcome)
{
    return (unsigned)outcome < TCA_OUTCOME_COUNT ? outcomes[outcome].name : "unknown";
}

const char *tca_outcome_meaning(enum tca_outcome outcome)
{
    return (unsigned)outcome < TCA_OUTCOME_COUNT ? outcomes[outcome].meaning : "";
}
