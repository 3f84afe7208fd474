/* SPDX-License-Identifier: MIT
 *
 * Marks looked up by role: the index answers as a walk over all marks does, whatever they are.
 */
#include <string.h>

#include "classify/read/dossier.h"
#include "suite.h"

enum { MARKS = 40 };

struct made {
    struct tca_dossier d;
    struct tca_mark mark[MARKS];
};

/* Numbers without a pattern; the same on every machine. */
static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Marks of one to three roles, some of them witnesses; few roles, so that several marks share one. */
static void make(struct made *made, uint32_t seed, unsigned count)
{
    memset(made, 0, sizeof *made);
    made->d.mark = made->mark;
    made->d.mark_count = (uint16_t)count;
    for (unsigned at = 0; at < count; at++) {
        struct tca_mark *mark = &made->mark[at];
        mark->frame = at + 1;
        mark->side = (uint8_t)(next(&seed) % 2);
        mark->witness = next(&seed) % 5 == 0;
        for (unsigned n = 1 + next(&seed) % 3; n > 0; n--)
            mark->roles |= UINT32_C(1) << next(&seed) % TCA_ROLE_COUNT;
    }
}

static void check_question(struct made *made, uint32_t roles, int side)
{
    struct tca_dossier walked = made->d;
    walked.index.known = false;
    ck_assert_uint_eq(tca_dossier_count(&made->d, roles, side), tca_dossier_count(&walked, roles, side));
    ck_assert_ptr_eq(tca_dossier_last(&made->d, roles, side), tca_dossier_last(&walked, roles, side));
    for (unsigned n = 0; n < 6; n++)
        ck_assert_ptr_eq(tca_dossier_mark(&made->d, roles, side, n),
                         tca_dossier_mark(&walked, roles, side, n));
}

START_TEST(test_same_answers)
{
    static struct made made;
    uint32_t seed = (uint32_t)_i * 77 + 1;
    make(&made, seed, (unsigned)_i % (MARKS + 1));
    tca_dossier_index(&made.d);
    for (int side = -1; side < 2; side++)
        for (unsigned role = 0; role < TCA_ROLE_COUNT; role++) {
            check_question(&made, UINT32_C(1) << role, side);
            check_question(&made, UINT32_C(1) << role | next(&seed), side);
        }
}
END_TEST

/* What stood in a dossier before is forgotten. */
START_TEST(test_index_anew)
{
    static struct made made;
    make(&made, 5, MARKS);
    tca_dossier_index(&made.d);
    made.d.mark_count = 1;
    made.mark[0] = (struct tca_mark){.frame = 1, .roles = TCA_MARK_SYN, .side = TCA_CLIENT};
    tca_dossier_index(&made.d);
    ck_assert_uint_eq(made.d.index.any, TCA_MARK_SYN);
    ck_assert(!made.d.index.witness && !made.d.index.roles[TCA_SERVER]);
    ck_assert(!made.d.index.repeat[TCA_CLIENT] && !made.d.index.repeat[TCA_SERVER]);
    ck_assert_ptr_eq(tca_dossier_mark(&made.d, TCA_MARK_SYN, -1, 0), &made.mark[0]);
    ck_assert_ptr_null(tca_dossier_mark(&made.d, TCA_MARK_SYN, TCA_SERVER, 0));
    ck_assert_ptr_null(tca_dossier_mark(&made.d, TCA_MARK_RST, -1, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dossier");
    add_case(suite, "same answers", test_same_answers, 2 * MARKS);
    add_case(suite, "index anew", test_index_anew, 1);
    return run_suite(suite);
}
