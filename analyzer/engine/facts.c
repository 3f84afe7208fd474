/* SPDX-License-Identifier: MIT
 *
 * Known facts by name: "KEY=VALUE" as sysctl takes them, "@FILE" with the lines that sysctl prints, and kernel
 * versions as uname prints them. They hold of the host named last before them, else of every host.
 */
#include "engine/run.h"

#include "report/nearest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 4096, LINES_MAX = 100000 };

static const uint8_t *whose(const struct tca_settings *set)
{
    return set->has_host ? set->host : NULL;
}

/* The text between blanks. */
static const char *trim(const char *text, size_t *length)
{
    static const char blank[] = " \t\r\n";
    while (*length && strchr(blank, *text)) {
        text++;
        --*length;
    }
    while (*length && strchr(blank, text[*length - 1]))
        --*length;
    return text;
}

static bool parse_number(const char *text, size_t length, int64_t *ret)
{
    char copy[24], *end;
    if (!length || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    errno = 0;
    long long value = strtoll(copy, &end, 10);
    *ret = value;
    return !errno && !*end;
}

enum line { LINE_USED, LINE_OTHER, LINE_BAD, LINE_RANGE, LINE_MEMORY };

/* One "KEY = VALUE", typed or out of a file; the key's setting, where it is one of ours. */
static enum line take_line(struct tca_settings *set, const char *line, bool typed,
                           enum tca_setting_id *ret_id)
{
    const char *equals = strchr(line, '=');
    if (!equals)
        return LINE_BAD;
    size_t key_length = (size_t)(equals - line), value_length = strlen(equals + 1);
    const char *key = trim(line, &key_length), *value = trim(equals + 1, &value_length);
    if (!key_length || memchr(key, ' ', key_length))
        return LINE_BAD;
    enum tca_setting_id id = tca_setting_by_name(key, key_length);
    if (id == TCA_SETTING_COUNT)
        return LINE_OTHER;
    *ret_id = id;
    int64_t number;
    if (!parse_number(value, value_length, &number))
        return LINE_BAD;
    const struct tca_sysctl *sysctl = tca_setting_sysctl(id);
    if (number < sysctl->min || number > sysctl->max)
        return LINE_RANGE;
    return tca_known_set(&set->known, whose(set), id, number, typed) ? LINE_MEMORY : LINE_USED;
}

static bool is_blank(const char *line)
{
    line += strspn(line, " \t\r\n");
    return !*line || *line == '#' || *line == ';';
}

/* `line` 0: `what` is no file's name but what was typed. */
static int out_of_range(enum tca_setting_id id, const char *what, unsigned line, struct tca_error *error)
{
    char place[32] = "";
    const struct tca_sysctl *sysctl = tca_setting_sysctl(id);
    if (line)
        snprintf(place, sizeof place, " line %u:", line);
    return tca_fail(error, TCA_EUSAGE, "sysctl '%s%s':%s %s is %" PRId64 " to %" PRId64, line ? "@" : "",
                    what, place, sysctl->name, sysctl->min, sysctl->max);
}

/* Names of the others are real as well: only what is near to one of ours is taken for a slip. */
static int no_such(const char *typed, struct tca_error *error)
{
    char key[64];
    size_t length = strcspn(typed, "=");
    const char *name = trim(typed, &length);
    for (size_t at = 0; at < length; at++)
        if (name[at] == '.' || name[at] == '/') {
            name += at + 1;
            length -= at + 1;
            at = (size_t)-1;
        }
    snprintf(key, sizeof key, "%.*s", (int)(length < sizeof key ? length : sizeof key - 1), name);
    struct tca_nearest near;
    tca_nearest_init(&near, key);
    for (int id = 0; id < TCA_SETTING_COUNT; id++) {
        const char *ours = tca_setting_sysctl((enum tca_setting_id)id)->name;
        if (ours)
            tca_nearest_offer(&near, ours);
    }
    if (near.best)
        return tca_fail(error, TCA_EUSAGE, "sysctl '%s': no such setting: did you mean '%s'?", typed,
                        near.best);
    return tca_fail(error, TCA_EUSAGE, "sysctl '%s': no setting that changes what is told", typed);
}

/* file: NULL where it could not be opened. */
static int take_file(struct tca_settings *set, FILE *file, const char *path, struct tca_error *error)
{
    if (!file)
        return errno == ENOMEM ? tca_fail_memory(error)
                               : tca_fail(error, TCA_EUSAGE, "sysctl '@%s': %s", path, strerror(errno));
    char line[LINE_MAX_BYTES];
    int code = TCA_OK;
    unsigned number = 0, used = 0;
    while (!code && number < LINES_MAX && fgets(line, sizeof line, file)) {
        number++;
        if (is_blank(line))
            continue;
        enum tca_setting_id id;
        enum line what = take_line(set, line, false, &id);
        used += what == LINE_USED;
        set->known.ignored += what == LINE_OTHER;
        set->known.unread += what == LINE_BAD; /* such as sysctl's own errors */
        if (what == LINE_RANGE)
            code = out_of_range(id, path, number, error);
        else if (what == LINE_MEMORY)
            code = tca_fail(error, TCA_EMEMORY, "out of memory");
    }
    if (!code && ferror(file))
        code = tca_fail(error, TCA_EUSAGE, "sysctl '@%s': %s", path, strerror(errno));
    fclose(file);
    if (!code && !used)
        code = tca_fail(error, TCA_EUSAGE,
                        "sysctl '@%s': none of its lines is a setting of TCP: give what 'sysctl net' printed",
                        path);
    return code;
}

int tca_settings_sysctl(struct tca_settings *set, const char *value, struct tca_error *error)
{
    if (strchr(value, '\n'))
        return take_file(set, fmemopen((char *)value, strlen(value), "r"), "TEXT", error);
    if (value[0] == '@')
        return take_file(set, fopen(value + 1, "r"), value + 1, error);
    enum tca_setting_id id;
    switch (take_line(set, value, true, &id)) {
    case LINE_USED:
        return TCA_OK;
    case LINE_MEMORY:
        return tca_fail(error, TCA_EMEMORY, "out of memory");
    case LINE_OTHER:
        return no_such(value, error);
    case LINE_RANGE:
        return out_of_range(id, value, 0, error);
    default:
        return tca_fail(error, TCA_EUSAGE, "sysctl '%s': wants KEY=NUMBER or @FILE", value);
    }
}

unsigned long long tca_settings_ignored(const struct tca_settings *set)
{
    return set->known.ignored;
}

unsigned long long tca_settings_unread(const struct tca_settings *set)
{
    return set->known.unread;
}

int tca_settings_kernel(struct tca_settings *set, const char *value, struct tca_error *error)
{
    unsigned part[3] = {0};
    int used = 0;
    int parts = sscanf(value, "%3u.%3u%n", &part[0], &part[1], &used);
    if (parts == 2 && value[used] == '.')
        sscanf(value + used, ".%3u", &part[2]);
    bool good =
        parts == 2 && part[0] > 1 && part[0] < 256 && part[1] < 256 && value[0] >= '0' && value[0] <= '9';
    if (!good)
        return tca_fail(error, TCA_EUSAGE, "kernel '%s': wants a version of Linux such as 5.10 or 6.1.192",
                        value);
    uint32_t kernel = TCA_KERNEL(part[0], part[1]) | (part[2] < 256 ? part[2] : 255);
    if (tca_known_set_kernel(&set->known, whose(set), kernel))
        return tca_fail(error, TCA_EMEMORY, "out of memory");
    return TCA_OK;
}

/* ---- hosts that are not there ---- */

static bool is_there(const struct tca_session *s, const uint8_t addr[16])
{
    const struct tca_host *host;
    for (struct tca_each_host next = {0}; (host = tca_swept_host(s, &next));)
        if (!memcmp(host->addr, addr, sizeof host->addr))
            return true;
    return false;
}

static bool is_mapped(const uint8_t addr[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return !memcmp(addr, mapped, sizeof mapped);
}

static int not_there(const struct tca_session *s, const uint8_t addr[16], struct tca_error *error)
{
    enum { NAMED = 6 };
    struct tca_buf missing = {0}, names = {0};
    const struct tca_host *host = NULL;
    struct tca_each_host next = {0};
    tca_anon_ip(&missing, s->anon, addr, is_mapped(addr) ? 4 : 6);
    for (unsigned at = 0; at < NAMED && (host = tca_swept_host(s, &next)); at++) {
        tca_buf_str(&names, at ? ", " : "");
        tca_anon_ip(&names, s->anon, host->addr, host->family);
    }
    bool more = host && tca_swept_host(s, &next);
    int code = tca_fail(error, TCA_EUSAGE, "no connection of the host given: there are %s%s: not %s",
                        tca_buf_text(&names), more ? ", ..." : "", tca_buf_text(&missing));
    tca_buf_done(&missing);
    tca_buf_done(&names);
    return code;
}

/* Nothing goes by it, and nothing in the traffic tells it. */
static bool changes_nothing(const struct tca_session *s, const struct tca_facts *facts,
                            enum tca_setting_id id)
{
    if (!facts->every_host && !is_there(s, facts->addr))
        return true;
    if (tca_setting_sysctl(id)->applied)
        return false;
    for (size_t at = 0; at < tca_estimates_count(s->estimates); at++) {
        const struct tca_estimate *e = tca_estimates_at(s->estimates, at);
        if (e->id == id && (facts->every_host || !memcmp(e->addr, facts->addr, sizeof e->addr)))
            return false;
    }
    return true;
}

/* What was typed in vain; of a whole file that is no surprise. */
static void say_in_vain(const struct tca_session *s, struct tca_error *error)
{
    struct tca_buf names = {0};
    for (size_t at = 0; at < s->set.known.count; at++) {
        const struct tca_facts *facts = &s->set.known.list[at];
        for (int id = 0; id < TCA_SETTING_COUNT; id++) {
            if (!facts->typed[id] || !changes_nothing(s, facts, (enum tca_setting_id)id))
                continue;
            tca_buf_str(&names, names.used ? ", " : "");
            tca_buf_str(&names, tca_setting_sysctl((enum tca_setting_id)id)->name);
            if (!facts->every_host) {
                tca_buf_str(&names, " of ");
                tca_anon_ip(&names, s->anon, facts->addr, is_mapped(facts->addr) ? 4 : 6);
            }
        }
    }
    if (names.used)
        tca_fail(error, TCA_OK, "--sysctl changes nothing where no traffic tells it: %s",
                 tca_buf_text(&names));
    tca_buf_done(&names);
}

int tca_facts_check(const struct tca_session *s, struct tca_error *error)
{
    if (!tca_swept_host(s, &(struct tca_each_host){0}))
        return TCA_OK;                                /* nothing was read */
    bool one = s->set.has_host && !s->set.many_hosts; /* facts of many may be told of a whole network */
    if (one && !is_there(s, s->set.host))
        return not_there(s, s->set.host, error);
    say_in_vain(s, error);
    return TCA_OK;
}
