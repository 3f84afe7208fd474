/* SPDX-License-Identifier: MIT
 *
 * Options that are settings of the library are handed to it under their names, in the order in which they were typed.
 */
#include "setup.h"

#include "say.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int setup_option(struct tca_settings *set, const char *name, const char *value)
{
    struct tca_error error = {.offset = -1};
    int r = tca_settings_set(set, name, value, &error);
    if (r != 0)
        say_error(NULL, &error);
    return r;
}

bool setup_jsonl(const struct request *req)
{
    return !strcmp(request_value(req, OPTION_format, "csv"), "jsonl");
}

const char *setup_text(const struct request *req)
{
    const char *format = request_value(req, OPTION_format, request_has(req, OPTION_at) ? "ss" : "csv");
    bool table = !strcmp(format, "csv") || setup_jsonl(req);
    return req->command == COMMAND_states && !table ? format : NULL;
}

const char *setup_picture(const struct request *req)
{
    const char *format = request_value(req, OPTION_format, "text");
    return request_has(req, OPTION_ascii) ? "ascii" : format;
}

static int apply_options(const struct request *req, struct tca_settings *set)
{
    const char *text = setup_text(req);
    bool traced = req->command == COMMAND_explain || (text && strcmp(text, "ss") == 0);
    int r = req->filter ? setup_option(set, "filter", req->filter) : 0;
    if (r == 0 && traced)
        r = setup_option(set, "trace", "true");
    for (size_t i = 0; i < req->given_count && r == 0; i++) {
        const struct option_info *info = &option_table[req->given[i].option];
        if (info->kind == KIND_SETTING)
            r = setup_option(set, info->name, req->given[i].value);
        else if (info->kind == KIND_SWITCH)
            r = setup_option(set, info->name, "true");
    }
    return r;
}

void setup_say_left_aside(const struct request *req, const struct tca_settings *set)
{
    unsigned long long ignored = tca_settings_ignored(set), unread = tca_settings_unread(set);
    if (ignored && request_has(req, OPTION_verbose))
        say("--sysctl: %llu settings change nothing that is told and were left aside", ignored);
    if (unread && !request_has(req, OPTION_quiet))
        say("--sysctl: %llu line%s no KEY = NUMBER and %s skipped", unread, unread == 1 ? " is" : "s are",
            unread == 1 ? "was" : "were");
}
int setup_new(const struct request *req, struct tca_settings **ret_set)
{
    struct tca_settings *set = tca_settings_new();
    if (!set) {
        say("memory is out: close other programs");
        return TCA_EMEMORY;
    }
    int code = apply_options(req, set);
    if (code) {
        tca_settings_free(set);
        return code;
    }
    *ret_set = set;
    return 0;
}

int setup_open(const struct tca_settings *set, struct tca_session **ret_session)
{
    struct tca_error error = {.offset = -1};
    int code = tca_session_open(set, ret_session, &error);
    if (code)
        say_error(NULL, &error);
    return code;
}

bool setup_size(const char *text, uint64_t *ret_bytes)
{
    static const char letters[] = "KMGT";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    const char *letter = *end ? strchr(letters, *end & ~0x20) : NULL;
    unsigned shift = letter ? 10 * (unsigned)(letter - letters + 1) : 0;
    bool good = *text >= '0' && *text <= '9' && !errno && (!*end || (letter && !end[1])) &&
                value <= UINT64_MAX >> shift;
    if (good)
        *ret_bytes = (uint64_t)value << shift;
    return good;
}
