/* SPDX-License-Identifier: MIT
 *
 * Known facts by name: "KEY=VALUE" as sysctl takes them, "@FILE" with the lines that sysctl prints, and kernel
 * versions as uname prints them. They hold of the host named last before them, else of every host.
 */
#include "engine/run.h"

#include <errno.h>
#include <limits.h>
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
    return !errno && !*end && value >= INT_MIN && value <= UINT32_MAX;
}

enum line { LINE_USED, LINE_OTHER, LINE_BAD, LINE_MEMORY };

/* One "KEY = VALUE". */
static enum line take_line(struct tca_settings *set, const char *line)
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
    int64_t number;
    if (!parse_number(value, value_length, &number))
        return LINE_BAD;
    return tca_known_set(&set->known, whose(set), id, number) ? LINE_MEMORY : LINE_USED;
}

static bool is_blank(const char *line)
{
    line += strspn(line, " \t\r\n");
    return !*line || *line == '#' || *line == ';';
}

static int take_file(struct tca_settings *set, const char *path, struct tca_error *error)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return tca_fail(error, TCA_EUSAGE, "sysctl '@%s': %s", path, strerror(errno));
    char line[LINE_MAX_BYTES];
    int code = TCA_OK;
    unsigned number = 0, used = 0;
    while (!code && number < LINES_MAX && fgets(line, sizeof line, file)) {
        number++;
        if (is_blank(line))
            continue;
        enum line what = take_line(set, line);
        used += what == LINE_USED;
        set->known.ignored += what == LINE_OTHER;
        if (what == LINE_BAD)
            code = tca_fail(error, TCA_EUSAGE,
                            "sysctl '@%s': line %u is not 'KEY = NUMBER', as sysctl prints it", path, number);
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
    if (value[0] == '@')
        return take_file(set, value + 1, error);
    switch (take_line(set, value)) {
    case LINE_USED:
        return TCA_OK;
    case LINE_MEMORY:
        return tca_fail(error, TCA_EMEMORY, "out of memory");
    case LINE_OTHER:
        return tca_fail(error, TCA_EUSAGE,
                        "sysctl '%s': no setting that changes what is told; see the settings of 'tcpautopsy "
                        "schema settings'",
                        value);
    default:
        return tca_fail(error, TCA_EUSAGE, "sysctl '%s': wants KEY=NUMBER or @FILE", value);
    }
}

unsigned long long tca_settings_ignored(const struct tca_settings *set)
{
    return set->known.ignored;
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
