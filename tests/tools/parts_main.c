/* SPDX-License-Identifier: MIT
 *
 * Captures told by one session, or saved as a part by one and told by another: for tests that hold one against the other.
 *
 *     parts plain [NAME=VALUE]... -- CAPTURE...
 *     parts save PART LABEL [NAME=VALUE]... -- CAPTURE...
 *     parts merge [NAME=VALUE]... -- PART[,PART]...        parts with commas between them are shares of one
 *     parts about PART
 *
 * What is told: every table, the summary, the counters as nstat has them, and whether anything was found.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/part.h>

static int fail(const char *what, const struct tca_error *error)
{
    fprintf(stderr, "parts: %s: %d: %s\n", what, error->code, error->text);
    return 1;
}

static int print(void *user, const void *bytes, size_t count)
{
    return fwrite(bytes, 1, count, user) != count;
}

static struct tca_session *open_session(char **setting, int count)
{
    struct tca_error error = {0};
    struct tca_settings *set = tca_settings_new();
    struct tca_session *session = NULL;
    for (int at = 0; at < count; at++) {
        char *value = strchr(setting[at], '=');
        *value++ = '\0';
        if (tca_settings_set(set, setting[at], value, &error))
            exit(fail(setting[at], &error));
    }
    if (tca_session_open(set, &session, &error))
        exit(fail("open", &error));
    tca_settings_free(set);
    return session;
}

static int tell(struct tca_session *session)
{
    static const char *const table[] = {"flows",    "events",   "listeners", "states",
                                        "counters", "settings", "captures"};
    struct tca_error error = {0};
    bool found;
    if (tca_session_finish(session, &error))
        return fail("finish", &error);
    printf("said: %s\n", error.text);
    for (size_t at = 0; at < sizeof table / sizeof *table; at++) {
        printf("== %s\n", table[at]);
        if (tca_session_csv(session, table[at], NULL, print, stdout, &error))
            return fail(table[at], &error);
    }
    printf("== summary\n");
    if (tca_session_summary(session, print, stdout, &error))
        return fail("summary", &error);
    printf("== nstat\n");
    if (tca_session_text(session, "nstat", print, stdout, &error))
        printf("%s\n", error.text);
    if (tca_session_has_finding(session, NULL, &found, &error))
        return fail("finding", &error);
    printf("== %d\n", found);
    return 0;
}

/* What is wrong with a capture its row tells. */
static bool is_fault(int code)
{
    return code == TCA_EINPUT || code == TCA_EUNSUPPORTED;
}

static int read_all(struct tca_session *session, char **path, int count)
{
    struct tca_error error = {0};
    for (int at = 0; at < count; at++) {
        int code = tca_session_read(session, path[at], &error);
        if (code && !is_fault(code))
            return fail(path[at], &error);
    }
    return 0;
}

static int load(struct tca_session *session, char *shares)
{
    enum { SHARES = 65 };
    const char *path[SHARES];
    size_t count = 0;
    struct tca_error error = {0};
    for (char *one = strtok(shares, ","); one && count < SHARES; one = strtok(NULL, ","))
        path[count++] = one;
    return tca_session_load(session, path, count, &error) ? fail("load", &error) : 0;
}

static int about(const char *path)
{
    struct tca_part_about part;
    struct tca_error error = {0};
    if (tca_part_read_about(path, &part, &error))
        return fail(path, &error);
    printf("%u/%u captures %llu packets %llu flows %llu interrupted %d label %s\n", part.share, part.shares,
           (unsigned long long)part.captures, (unsigned long long)part.packets,
           (unsigned long long)part.flows, part.interrupted, part.label);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    bool saves = !strcmp(what, "save");
    int from = saves ? 4 : 2, to = from;
    struct tca_error error = {0};
    if (!strcmp(what, "about") && argc == 3)
        return about(argv[2]);
    while (to < argc && strcmp(argv[to], "--") != 0)
        to++;
    if (to >= argc || (strcmp(what, "plain") && strcmp(what, "merge") && !saves))
        return 2;
    struct tca_session *session = open_session(argv + from, to - from);
    int failed = 0;
    if (strcmp(what, "merge") != 0)
        failed = read_all(session, argv + to + 1, argc - to - 1);
    else
        for (int at = to + 1; at < argc && !failed; at++)
            failed = load(session, argv[at]);
    if (!failed && saves && tca_session_save(session, argv[2], argv[3], &error))
        failed = fail("save", &error);
    if (!failed && !saves)
        failed = tell(session);
    tca_session_free(session);
    return failed;
}
