/* SPDX-License-Identifier: MIT
 *
 * A number is its digits and the place of its point; from these the two halves are made.
 */
#include "report/decimal.h"

#include <string.h>

enum { PART_DIGITS = 18, DIGITS_MAX = 64, EXPONENT_MAX = 99 };

struct digits {
    char digit[DIGITS_MAX];
    int count, point; /* point: digits before it; may lie outside */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits with at most one point among them. */
static bool take_digits(const char **at, const char *end, struct digits *d)
{
    bool point = false;
    for (; *at < end && (is_digit(**at) || (**at == '.' && !point)); ++*at) {
        if (**at == '.') {
            point = true;
            d->point = d->count;
        } else if (d->count == DIGITS_MAX) {
            return false;
        } else {
            d->digit[d->count++] = **at;
        }
    }
    if (!point)
        d->point = d->count;
    return d->count > 0;
}

static bool take_exponent(const char **at, const char *end, struct digits *d)
{
    if (*at == end || (**at != 'e' && **at != 'E'))
        return true;
    ++*at;
    bool down = *at < end && **at == '-';
    if (*at < end && (**at == '-' || **at == '+'))
        ++*at;
    int exponent = 0;
    const char *first = *at;
    for (; *at < end && is_digit(**at) && exponent <= EXPONENT_MAX; ++*at)
        exponent = 10 * exponent + (**at - '0');
    d->point += down ? -exponent : exponent;
    return *at > first && exponent <= EXPONENT_MAX;
}

/* The digit at a place; zeros stand before the first and behind the last. */
static unsigned digit_at(const struct digits *d, int place)
{
    return place >= 0 && place < d->count ? (unsigned)(d->digit[place] - '0') : 0;
}

bool tca_decimal_parse(const char *text, size_t length, struct tca_decimal *ret)
{
    const char *at = text, *end = text + length;
    struct digits d = {0};
    *ret = (struct tca_decimal){.negative = length && *text == '-'};
    if (length && (*text == '-' || *text == '+'))
        at++;
    if (!take_digits(&at, end, &d) || !take_exponent(&at, end, &d) || at != end)
        return false;
    for (int place = 0; place < d.point; place++)
        if (__builtin_mul_overflow(ret->whole, 10u, &ret->whole) ||
            __builtin_add_overflow(ret->whole, digit_at(&d, place), &ret->whole))
            return false;
    for (int place = 0; place < PART_DIGITS; place++)
        ret->part = 10 * ret->part + digit_at(&d, d.point + place);
    return true;
}

/* ---- distance ---- */

static const uint64_t PART_ONE = 1000000000000000000;

static bool is_larger(const struct tca_decimal *a, const struct tca_decimal *b)
{
    return a->whole != b->whole ? a->whole > b->whole : a->part > b->part;
}

/* |a| + |b|; false where that is too large to tell. */
static bool add(const struct tca_decimal *a, const struct tca_decimal *b, struct tca_decimal *ret)
{
    uint64_t part = a->part + b->part, carry = part >= PART_ONE;
    *ret = (struct tca_decimal){.part = part - carry * PART_ONE};
    return !__builtin_add_overflow(a->whole, b->whole, &ret->whole) &&
           !__builtin_add_overflow(ret->whole, carry, &ret->whole);
}

/* |large| - |small| */
static void subtract(const struct tca_decimal *large, const struct tca_decimal *small,
                     struct tca_decimal *ret)
{
    bool borrow = large->part < small->part;
    ret->part = large->part + (borrow ? PART_ONE : 0) - small->part;
    ret->whole = large->whole - small->whole - borrow;
}

static bool is_near(const struct tca_decimal *a, const struct tca_decimal *b, const struct tca_decimal *limit)
{
    struct tca_decimal distance = {0};
    if (a->negative != b->negative) {
        if (!add(a, b, &distance))
            return false;
    } else if (is_larger(a, b)) {
        subtract(a, b, &distance);
    } else {
        subtract(b, a, &distance);
    }
    return !is_larger(&distance, limit);
}

static bool parts_near(const char *a, size_t a_length, const char *b, size_t b_length,
                       const struct tca_decimal *limit)
{
    struct tca_decimal x, y;
    if (a_length == b_length && memcmp(a, b, a_length) == 0)
        return true;
    return tca_decimal_parse(a, a_length, &x) && tca_decimal_parse(b, b_length, &y) && is_near(&x, &y, limit);
}

bool tca_cells_near(const char *a, const char *b, const struct tca_decimal *limit)
{
    for (;;) {
        size_t a_length = strcspn(a, ";"), b_length = strcspn(b, ";");
        if (!parts_near(a, a_length, b, b_length, limit) || a[a_length] != b[b_length])
            return false;
        if (!a[a_length])
            return true;
        a += a_length + 1;
        b += b_length + 1;
    }
}
