/* SPDX-License-Identifier: MIT
 *
 * Columns of two tables: which belong together, and which of them name a row. A table of ours is told by its columns, not
 * by the name of its file, which golden tests choose as they like.
 */
#include "report/table_diff.h"

#include "base/alloc.h"
#include "report/report.h"

#include <string.h>

/* What names a row. Words in brackets belong to it where both tables have them. */
static const struct {
    const char *table, *key;
} keys[] = {
    {"flows", "flow_id"},
    {"events", "event_id"},
    {"listeners", "[capture] server_ip server_port [vlan] [encap]"},
    {"states", "t_ns scope [host] [port]"},
    {"counters", "[capture] host counter"},
    {"settings", "[capture] host [port] setting"},
    {"captures", "capture"},
    {"run", "key"},
};

/* ---- columns that belong together ---- */

static size_t free_partner(const struct tca_table_pair *pair, const char *name)
{
    for (size_t b = 0; b < tca_reader_columns(pair->reader[1]); b++)
        if (pair->reverse[b] == TCA_NO_COLUMN && strcmp(tca_reader_column(pair->reader[1], b), name) == 0)
            return b;
    return TCA_NO_COLUMN;
}

size_t tca_table_pair_column(const struct tca_table_pair *pair, const char *name)
{
    for (size_t a = 0; a < tca_reader_columns(pair->reader[0]); a++)
        if (pair->partner[a] != TCA_NO_COLUMN && strcmp(tca_reader_column(pair->reader[0], a), name) == 0)
            return a;
    return TCA_NO_COLUMN;
}

bool tca_diff_ignores(const struct tca_diff_rules *rules, const char *column)
{
    for (size_t i = 0; i < rules->ignore_count; i++)
        if (strcmp(rules->ignore[i], column) == 0)
            return true;
    return false;
}

/* The last one given holds. */
static const struct tca_tolerance *tolerance_of(const struct tca_diff_rules *rules, const char *column)
{
    for (size_t i = rules->tolerance_count; i-- > 0;)
        if (strcmp(rules->tolerance[i].column, column) == 0)
            return &rules->tolerance[i];
    return NULL;
}

static void match_columns(struct tca_table_pair *pair, const struct tca_diff_rules *rules)
{
    for (size_t b = 0; b < tca_reader_columns(pair->reader[1]); b++)
        pair->reverse[b] = TCA_NO_COLUMN;
    for (size_t a = 0; a < tca_reader_columns(pair->reader[0]); a++) {
        const char *name = tca_reader_column(pair->reader[0], a);
        size_t b = free_partner(pair, name);
        pair->partner[a] = b;
        if (b != TCA_NO_COLUMN)
            pair->reverse[b] = a;
        pair->ignored[a] = tca_diff_ignores(rules, name);
        pair->tolerance[a] = tolerance_of(rules, name);
    }
}

/* ---- the key ---- */

/* One word of a key; false at its end. */
static bool next_word(const char **at, char *word, size_t room, bool *ret_needed)
{
    *at += strspn(*at, " ");
    size_t length = strcspn(*at, " ");
    const char *text = *at;
    *at += length;
    *ret_needed = *text != '[';
    if (!*ret_needed) {
        text++;
        length -= 2;
    }
    if (!length || length >= room)
        return false;
    memcpy(word, text, length);
    word[length] = '\0';
    return true;
}

static bool has_key(const struct tca_table_pair *pair, const char *key)
{
    char word[64];
    bool needed;
    while (next_word(&key, word, sizeof word, &needed))
        if (needed && tca_table_pair_column(pair, word) == TCA_NO_COLUMN)
            return false;
    return true;
}

/* How many columns of A this table of ours has. */
static size_t known_columns(const struct tca_table_pair *pair, const char *table)
{
    size_t first, count = tca_table_columns(table, &first), known = 0;
    for (size_t a = 0; a < tca_reader_columns(pair->reader[0]); a++)
        for (size_t i = 0; i < count; i++)
            if (strcmp(tca_columns[first + i].name, tca_reader_column(pair->reader[0], a)) == 0) {
                known++;
                break;
            }
    return known;
}

/* The table of ours that has most of these columns, and more than half of them; NULL if none has. */
static const char *default_key(struct tca_table_pair *pair)
{
    size_t most = tca_reader_columns(pair->reader[0]) / 2;
    const char *key = NULL;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        size_t known = has_key(pair, keys[i].key) ? known_columns(pair, keys[i].table) : 0;
        if (known > most) {
            most = known;
            key = keys[i].key;
            pair->table = keys[i].table;
        }
    }
    return key;
}

static void add_key(struct tca_table_pair *pair, size_t column)
{
    if (column != TCA_NO_COLUMN && !pair->ignored[column] && !pair->tolerance[column])
        pair->key[pair->key_count++] = column;
}

static void use_default_key(struct tca_table_pair *pair, const char *key)
{
    char word[64];
    bool needed;
    while (next_word(&key, word, sizeof word, &needed))
        add_key(pair, tca_table_pair_column(pair, word));
}

static void use_whole_row(struct tca_table_pair *pair)
{
    for (size_t a = 0; a < tca_reader_columns(pair->reader[0]); a++)
        if (pair->partner[a] != TCA_NO_COLUMN)
            add_key(pair, a);
}

/* The user's, if this table has all of it. */
static bool use_given_key(struct tca_table_pair *pair, const struct tca_diff_rules *rules)
{
    for (size_t i = 0; i < rules->key_count; i++) {
        size_t column = tca_table_pair_column(pair, rules->key[i]);
        bool twice = false;
        for (size_t k = 0; k < pair->key_count; k++)
            twice |= pair->key[k] == column;
        if (column == TCA_NO_COLUMN) {
            pair->key_count = 0;
            return false;
        }
        if (!twice)
            add_key(pair, column);
    }
    return rules->key_count > 0;
}

int tca_table_pair_init(struct tca_table_pair *pair, struct tca_reader *a, struct tca_reader *b,
                        const struct tca_diff_rules *rules)
{
    size_t count = tca_reader_columns(a);
    *pair = (struct tca_table_pair){.reader = {a, b},
                                    .partner = tca_alloc(count * sizeof *pair->partner),
                                    .reverse = tca_alloc(tca_reader_columns(b) * sizeof *pair->reverse),
                                    .tolerance = tca_alloc(count * sizeof *pair->tolerance),
                                    .ignored = tca_alloc(count * sizeof *pair->ignored),
                                    .key = tca_alloc(count * sizeof *pair->key)};
    if (!pair->partner || !pair->reverse || !pair->tolerance || !pair->ignored || !pair->key)
        return TCA_EMEMORY;
    match_columns(pair, rules);
    const char *key = default_key(pair);
    if (use_given_key(pair, rules))
        return TCA_OK;
    if (key)
        use_default_key(pair, key);
    if (!pair->key_count)
        use_whole_row(pair);
    return TCA_OK;
}

void tca_table_pair_done(struct tca_table_pair *pair)
{
    tca_free(pair->partner);
    tca_free(pair->reverse);
    tca_free(pair->tolerance);
    tca_free(pair->ignored);
    tca_free(pair->key);
    *pair = (struct tca_table_pair){0};
}
