/* SPDX-License-Identifier: MIT
 *
 * Names, lists and directories as captures, and these as a plan.
 */
#include "intake.h"

#include "output.h"
#include "say.h"
#include "setup.h"
#include "signals.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tcpautopsy/inputs.h>

bool is_stream(const char *name)
{
    struct stat st;
    return is_stdin(name) || (stat(name, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

bool is_stdin(const char *name)
{
    return strcmp(name, "-") == 0;
}

const char *name_of(const char *capture)
{
    return is_stdin(capture) ? "standard input" : capture;
}

/* ---- lists and directories ---- */

static void say_passed_over(const struct request *req)
{
    const char *first;
    unsigned long long count = tca_inputs_passed_over(req->inputs, &first);
    if (count && !request_has(req, OPTION_quiet))
        say("%llu file%s no capture%s and passed over, the first is %s", count, count == 1 ? " is" : "s are",
            count == 1 ? "" : "s", first);
}

/* In the place of the names as typed. */
static void keep_folders(struct request *req)
{
    struct stat st;
    req->folder = req->capture;
    for (size_t i = 0; i < req->capture_count; i++)
        if (stat(req->capture[i], &st) == 0 && S_ISDIR(st.st_mode))
            req->folder[req->folder_count++] = req->capture[i];
}

static int memory_out(void)
{
    say("memory is out: close other programs");
    return TCA_EMEMORY;
}

/* There is room for so many. */
static void list_captures(struct request *req)
{
    req->capture_count = tca_inputs_count(req->inputs);
    for (size_t i = 0; i < req->capture_count; i++)
        req->capture[i] = tca_inputs_at(req->inputs, i);
}

int intake_open(struct request *req, bool walk)
{
    struct tca_error error = {.offset = -1};
    int code = tca_inputs_new(&req->inputs);
    for (size_t i = 0; i < req->capture_count && !code; i++)
        if ((code = tca_inputs_add(req->inputs, req->capture[i], walk, &error)))
            say_error(NULL, &error);
    if (code && !error.text[0])
        say("memory is out: close other programs");
    if (code)
        return code;
    const char **capture = calloc(tca_inputs_count(req->inputs) + 1, sizeof *capture);
    if (!capture)
        return memory_out();
    keep_folders(req);
    req->capture = capture;
    list_captures(req);
    return 0;
}

int intake_sift(struct request *req)
{
    if (tca_inputs_sift(req->inputs))
        return memory_out();
    list_captures(req);
    say_passed_over(req);
    if (req->capture_count)
        return 0;
    say("no capture given: in what was named there is none");
    return TCA_EUSAGE;
}

bool intake_overwritten(const struct request *req, const char *path, const char *option)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    for (size_t i = 0; i < req->capture_count; i++) {
        if (!is_stdin(req->capture[i]) && output_same_file(path, req->capture[i])) {
            say("%s: would overwrite an input: choose another name for %s", path, option);
            return true;
        }
    }
    return false;
}

static void say_again(const struct request *req, const struct tca_plan *plan)
{
    const char *name, *as;
    unsigned long long count = tca_plan_again(plan, &name, &as);
    if (count && !request_has(req, OPTION_quiet))
        say("%llu input%s named more than once and read once, the first is %s, read as %s", count,
            count == 1 ? " is" : "s are", name, as);
}

int intake_plan(const struct request *req, struct tca_plan **ret_plan)
{
    static const char *const series[] = {"auto", "each", "one", NULL};
    struct tca_error error = {.offset = -1};
    struct tca_plan_settings set = {.series = request_value(req, OPTION_series, NULL),
                                    .stop = signals_flag()};
    setup_size(request_value(req, OPTION_max_expanded, "0"), &set.max_expanded);
    if (!request_word_known("series", request_value(req, OPTION_series, series[0]), series))
        return TCA_EUSAGE;
    int code = tca_plan_new(req->inputs, &set, ret_plan, &error);
    if (code && error.text[0])
        say_error(NULL, &error);
    else if (code)
        say("memory is out: close other programs");
    else
        say_again(req, *ret_plan);
    return code;
}
