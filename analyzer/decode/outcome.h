/* SPDX-License-Identifier: MIT
 *
 * An outcome: what decode made of one record. The list, with its meanings, is outcome.def.
 */
#ifndef TCA_DECODE_OUTCOME_H
#define TCA_DECODE_OUTCOME_H

enum tca_outcome {
#define OUTCOME(name, meaning) TCA_OUTCOME_##name,
#include "decode/outcome.def"
#undef OUTCOME
    TCA_OUTCOME_COUNT
};

/* Name as in the column n_<name>, and one sentence for a person. Static strings, never NULL; a value out of
 * range gives "unknown" and "". */
const char *tca_outcome_name(enum tca_outcome outcome);
const char *tca_outcome_meaning(enum tca_outcome outcome);

#endif
