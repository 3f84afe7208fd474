/* SPDX-License-Identifier: MIT
 *
 * What check programs share: tables whose rows pass or fail alone, sessions, and how a program ends.
 */
#ifndef TEST_UNIT_SUITE_H
#define TEST_UNIT_SUITE_H

#include <check.h>
#include <stdlib.h>
#include <tcpautopsy/session.h>

#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

/* A test that does nothing but call `check`, as of `&table[_i]`: added with add_case(), once for each row. */
#define ROW_TEST(name, check, ...)                                                                           \
    START_TEST(name)                                                                                         \
    {                                                                                                        \
        check(__VA_ARGS__);                                                                                  \
    }                                                                                                        \
    END_TEST

/* A case of its own, so that a name stands before its failures; to be completed by fixtures and timeouts. */
static inline TCase *add_case(Suite *suite, const char *name, const TTest *test, int rows)
{
    TCase *tc = tcase_create(name);

    tcase_add_loop_test(tc, test, 0, rows);
    suite_add_tcase(suite, tc);
    return tc;
}

/* Run it and free it: what main() returns. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

/* With one setting; NULL: with none. */
static inline struct tca_session *open_session(const char *name, const char *value)
{
    struct tca_settings *set = tca_settings_new();
    struct tca_session *session = NULL;
    struct tca_error error = {0};

    ck_assert_ptr_nonnull(set);
    if (name)
        ck_assert_msg(tca_settings_set(set, name, value, &error) == 0, "%s", error.text);
    ck_assert_msg(tca_session_open(set, &session, &error) == 0, "%s", error.text);
    tca_settings_free(set);
    return session;
}

/* Callbacks that stop at once; `user` of the first counts its calls. */
static inline int stop_row(void *user, const struct tca_row *row)
{
    (void)row;
    ++*(int *)user;
    return 1;
}

static inline int stop_write(void *user, const void *bytes, size_t count)
{
    (void)user;
    (void)bytes;
    (void)count;
    return 1;
}

#endif
