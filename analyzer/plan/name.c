/* SPDX-License-Identifier: MIT
 *
 * By characters of ASCII only, whatever the locale.
 */
#include "plan/name.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

const char *tca_name_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

size_t tca_name_length(const char *base)
{
    static const char *const ends[] = {".gz", ".zst", ".xz", ".bz2", ".lz4"};
    size_t length = strlen(base);
    for (size_t at = 0; at < sizeof ends / sizeof *ends; at++) {
        size_t end = strlen(ends[at]);
        if (length > end && !memcmp(base + length - end, ends[at], end))
            return length - end;
    }
    return length;
}

void tca_name_stem(const char *base, struct tca_buf *out)
{
    size_t length = tca_name_length(base);
    for (size_t at = 0; at < length; at++)
        if (!is_digit(base[at]))
            tca_buf_char(out, base[at]);
}

static uint64_t append_digit(uint64_t value, char digit)
{
    unsigned more = (unsigned)(digit - '0');
    return value > (UINT64_MAX - more) / 10 ? UINT64_MAX : 10 * value + more;
}

unsigned tca_name_runs(const char *base, struct tca_name_run run[TCA_NAME_RUNS])
{
    size_t length = tca_name_length(base);
    unsigned count = 0, place = 0;
    for (size_t at = 0; at < length; at++) {
        if (!is_digit(base[at])) {
            place++;
            continue;
        }
        if (!at || !is_digit(base[at - 1])) {
            if (count == TCA_NAME_RUNS)
                return count;
            run[count++] = (struct tca_name_run){.place = place};
        }
        run[count - 1].value = append_digit(run[count - 1].value, base[at]);
        run[count - 1].length++;
    }
    return count;
}

/* The number that begins here, without its zeros; *ret_digits: of what is left. Returns where it ends. */
static const char *take_number(const char *at, const char **ret_first, size_t *ret_digits)
{
    while (*at == '0')
        at++;
    *ret_first = at;
    while (is_digit(*at))
        at++;
    *ret_digits = (size_t)(at - *ret_first);
    return at;
}

static int compare_numbers(const char **one, const char **other)
{
    const char *left, *right;
    size_t lefts, rights;
    *one = take_number(*one, &left, &lefts);
    *other = take_number(*other, &right, &rights);
    return lefts != rights ? (lefts > rights) - (lefts < rights) : memcmp(left, right, lefts);
}

int tca_name_compare(const char *one, const char *other)
{
    const char *left = one, *right = other;
    while (*left && *right) {
        int order = 0;
        if (is_digit(*left) && is_digit(*right))
            order = compare_numbers(&left, &right);
        else
            order = (uint8_t)*left++ - (uint8_t)*right++;
        if (order)
            return order;
    }
    int order = (*left != '\0') - (*right != '\0');
    return order ? order : strcmp(one, other); /* 01 and 1 are not the same */
}
