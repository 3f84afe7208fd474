/* SPDX-License-Identifier: MIT
 *
 * The clock by which connections are over: it goes forward only, whatever the file's does.
 */
#include "base/time_limit.h"
#include "flow/passage.h"
#include "suite.h"

#define SECOND_NS INT64_C(1000000000)
#define START     (INT64_C(1700000000) * SECOND_NS)

static void tell(struct tca_passage *p, int64_t time_ns)
{
    tca_passage_tell(p, time_ns);
    tca_passage_tell(p, time_ns);
}

START_TEST(test_in_order)
{
    struct tca_passage p = {0};
    ck_assert_int_eq(tca_passage_of(&p, START), START);
    ck_assert(!tca_passage_since(&p, 0, 0));
    tca_passage_tell(&p, START);
    ck_assert_msg(!tca_passage_since(&p, 0, 0), "one time alone tells nothing");
    tca_passage_tell(&p, START + SECOND_NS);
    ck_assert_int_eq(p.now_ns, START);
    tca_passage_tell(&p, START + 9 * SECOND_NS);
    ck_assert_msg(p.now_ns == START + SECOND_NS, "two agree so far");
    ck_assert_int_eq(tca_passage_of(&p, START + 9 * SECOND_NS), START + 9 * SECOND_NS);
    ck_assert(tca_passage_since(&p, START, SECOND_NS - 1) && !tca_passage_since(&p, START, SECOND_NS));
}
END_TEST

START_TEST(test_lone_future)
{
    struct tca_passage p = {0};
    tell(&p, START);
    tca_passage_tell(&p, TCA_TIME_LAST_NS);
    tca_passage_tell(&p, START + SECOND_NS);
    ck_assert_int_eq(p.now_ns, START + SECOND_NS);
    ck_assert_int_gt(tca_passage_of(&p, TCA_TIME_LAST_NS), START + SECOND_NS);
    ck_assert(!tca_passage_since(&p, tca_passage_of(&p, TCA_TIME_LAST_NS), 4 * 3600 * SECOND_NS));
}
END_TEST

START_TEST(test_disorder)
{
    struct tca_passage p = {0};
    tell(&p, START);
    tell(&p, START + 100 * SECOND_NS);
    tell(&p, START + 90 * SECOND_NS);
    ck_assert_msg(p.now_ns == START + 100 * SECOND_NS, "it stands");
    ck_assert_msg(tca_passage_of(&p, START + 95 * SECOND_NS) == p.now_ns, "what is heard is heard now");
    tell(&p, START + 101 * SECOND_NS);
    ck_assert_int_eq(p.now_ns, START + 101 * SECOND_NS);
}
END_TEST

START_TEST(test_set_back)
{
    struct tca_passage p = {0};
    tell(&p, START + 1000 * SECOND_NS);
    tell(&p, START);
    ck_assert_int_eq(p.now_ns, START + 1000 * SECOND_NS);
    ck_assert_int_eq(tca_passage_of(&p, START + SECOND_NS), START + 1001 * SECOND_NS);
    tell(&p, START + 50 * SECOND_NS);
    ck_assert_msg(p.now_ns == START + 1050 * SECOND_NS, "it goes on from where it stood");
}
END_TEST

/* Times are whatever somebody wrote: sums stay within their bounds, and now never goes back. */
START_TEST(test_any_times)
{
    struct tca_passage p = {0};
    int64_t before_ns = 0;
    for (unsigned at = 0; at < 100; at++) {
        tell(&p, at % 2 ? TCA_TIME_LAST_NS : 0);
        ck_assert_int_ge(p.now_ns, before_ns);
        ck_assert_int_le(p.now_ns, TCA_TIME_LAST_NS);
        before_ns = p.now_ns;
        int64_t heard_ns = tca_passage_of(&p, TCA_TIME_LAST_NS);
        ck_assert_msg(heard_ns >= p.now_ns && heard_ns < INT64_MAX - 8 * 3600 * SECOND_NS, "room to wait");
    }
    ck_assert_msg(p.now_ns == TCA_TIME_LAST_NS, "there it stays");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("passage");
    add_case(suite, "in order", test_in_order, 1);
    add_case(suite, "lone future", test_lone_future, 1);
    add_case(suite, "disorder", test_disorder, 1);
    add_case(suite, "set back", test_set_back, 1);
    add_case(suite, "any times", test_any_times, 1);
    return run_suite(suite);
}
