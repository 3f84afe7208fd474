/* SPDX-License-Identifier: MIT
 *
 * Finding and running cases. A case is run from inside its folder, so that the name of its capture in the
 * tables is "capture.pcap" wherever the tree lies.
 */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/inputs.h>

static bool is_case(const char *folder)
{
    static const char *const marks[] = {"story.txt", "wire.txt", "expect.txt", "capture.pcap",
                                        "capture.pcapng"};
    char path[CASE_PATH_MAX];

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        int n = snprintf(path, sizeof path, "%s/%s", folder, marks[i]);
        if (n > 0 && (size_t)n < sizeof path && file_exists(path))
            return true;
    }
    return false;
}

static bool add_case(struct names *cases, const char *family, const char *name)
{
    char path[CASE_PATH_MAX];
    char **grown = realloc(cases->name, (cases->count + 1) * sizeof *grown);

    if (!grown)
        return false;
    cases->name = grown;
    snprintf(path, sizeof path, "%s/%s", family, name);
    cases->name[cases->count] = strdup(path);
    return cases->name[cases->count++] != NULL;
}

static bool list_family(const char *captures, const char *family, struct names *cases)
{
    struct names inside;
    char path[CASE_PATH_MAX];
    bool good = true;

    snprintf(path, sizeof path, "%s/%s", captures, family);
    if (strcmp(family, "lab") == 0 || !names_list(path, &inside))
        return true; /* a plain file among the families */
    for (size_t i = 0; good && i < inside.count; i++) {
        int n = snprintf(path, sizeof path, "%s/%s/%s", captures, family, inside.name[i]);
        if (n > 0 && (size_t)n < sizeof path && is_case(path))
            good = add_case(cases, family, inside.name[i]);
    }
    names_done(&inside);
    return good;
}

bool cases_list(const char *captures, struct names *ret_cases)
{
    struct names families, cases = {0};
    bool good = true;

    if (!names_list(captures, &families))
        return false;
    for (size_t i = 0; good && i < families.count; i++)
        good = list_family(captures, families.name[i], &cases);
    names_done(&families);
    if (good)
        *ret_cases = cases;
    else
        names_done(&cases);
    return good;
}

static int words(struct tca_error *error, int code, const char *text)
{
    error->code = code;
    snprintf(error->text, sizeof error->text, "%s", text);
    return code;
}

/* One line of args.txt: "name value". */
static int apply_setting(struct tca_settings *set, char *line, struct case_run *run, struct tca_error *error)
{
    char *value = line + strcspn(line, " \t");

    if (!*line || *line == '#')
        return 0;
    if (*value)
        *value++ = '\0';
    if (strcmp(line, "explain") != 0)
        return tca_settings_set(set, line, value, error);
    snprintf(run->explain, sizeof run->explain, "%s", value);
    return 0;
}

static int apply_args(struct tca_settings *set, struct case_run *run, struct tca_error *error)
{
    struct tca_buf args = {0};
    char *line, *rest = NULL;
    int rc = 0;

    if (file_exists("explain.txt"))
        rc = tca_settings_set(set, "trace", "true", error);
    if (!rc && file_read("args.txt", &args) && args.used) {
        tca_buf_char(&args, '\0');
        for (line = strtok_r(args.bytes, "\n", &rest); line && !rc; line = strtok_r(NULL, "\n", &rest))
            rc = apply_setting(set, line, run, error);
    }
    tca_buf_done(&args);
    return rc;
}

static int run_captures(struct case_run *run, const char *const *more, struct tca_error *error)
{
    int rc = tca_session_read(run->session, run->capture, error);

    for (; *more && (!rc || rc == TCA_EINPUT || rc == TCA_EUNSUPPORTED); more++)
        if (file_exists(*more))
            rc = tca_session_read(run->session, *more, error);
    if (rc && rc != TCA_EINPUT && rc != TCA_EUNSUPPORTED)
        return rc;
    return tca_session_finish(run->session, error);
}

/* What goes wrong with one of them its row in captures tells. */
static void ignore_told(void *user, const char *capture, int code, const struct tca_error *error)
{
    (void)user, (void)capture, (void)code, (void)error;
}

/* All captures of the case's folder but that of its name. */
static int add_pieces(struct tca_inputs *inputs, struct tca_error *error)
{
    struct names names;
    int rc = names_list(".", &names) ? 0 : words(error, TCA_EINPUT, "the case's folder cannot be read");
    for (size_t i = 0; i < names.count && !rc; i++) {
        const char *end = strrchr(names.name[i], '.');
        if (end && !strcmp(end, ".pcap") && strcmp(names.name[i], "capture.pcap") != 0)
            rc = tca_inputs_add(inputs, names.name[i], false, error);
    }
    names_done(&names);
    return rc;
}

static int read_pieces(struct case_run *run, const char *const *more, struct tca_error *error)
{
    (void)more;
    static const struct tca_plan_settings as_usual;
    struct tca_inputs *inputs = NULL;
    int rc = tca_inputs_new(&inputs);
    if (!rc)
        rc = add_pieces(inputs, error);
    if (!rc)
        rc = tca_plan_new(inputs, &as_usual, &run->plan, error);
    for (size_t i = 0; !rc && i < tca_plan_items(run->plan); i++)
        rc = tca_session_read_item(run->session, run->plan, i, ignore_told, NULL);
    tca_inputs_free(inputs);
    return rc ? rc : tca_session_finish(run->session, error);
}

typedef int read_fn(struct case_run *run, const char *const *more, struct tca_error *error);

static int run_with(read_fn *read, const char *const *more, struct case_run *ret_run, struct tca_error *error)
{
    *ret_run = (struct case_run){.explain = "stream=0"};
    memset(error, 0, sizeof *error);
    if (file_exists("capture.pcapng"))
        ret_run->capture = "capture.pcapng";
    if (file_exists("capture.pcap"))
        ret_run->capture = "capture.pcap";
    if (!ret_run->capture)
        return words(error, TCA_EINPUT, "the case has no capture.pcap");

    struct tca_settings *set = tca_settings_new();
    if (!set)
        return words(error, TCA_EMEMORY, "out of memory");
    int rc = apply_args(set, ret_run, error);
    if (!rc)
        rc = tca_session_open(set, &ret_run->session, error);
    tca_settings_free(set);
    return rc ? rc : read(ret_run, more, error);
}

int case_run(struct case_run *ret_run, struct tca_error *error)
{
    static const char *const none[] = {NULL};
    return run_with(run_captures, none, ret_run, error);
}

int case_run_twins(struct case_run *ret_run, struct tca_error *error)
{
    static const char *const other[] = {"client.pcap", "middle.pcap", NULL};
    return run_with(run_captures, other, ret_run, error);
}

int case_run_series(struct case_run *ret_run, struct tca_error *error)
{
    return run_with(read_pieces, NULL, ret_run, error);
}

void case_run_done(struct case_run *run)
{
    tca_session_free(run->session);
    tca_plan_free(run->plan);
}
