/* SPDX-License-Identifier: MIT
 *
 * The command line, read by the tables options.def and commands.def (option_table.c).
 *
 *     tcpautopsy [COMMAND] [OPTION]... CAPTURE...
 *     tcpautopsy [COMMAND] [OPTION]... -r CAPTURE... [BPF-EXPRESSION]
 *
 * Options may stand anywhere before "--". Without -r every word is a capture, and one that is no file but
 * would be a filter is told apart in the error; with -r words that are no files are the filter, as tcpdump
 * has it.
 */
#include "options.h"

#include "catalog.h"
#include "say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tcpautopsy/inputs.h>
#include <tcpautopsy/registry.h>

/* Words as typed, before they are told apart. */
struct words {
    const char **word; /* owned array */
    size_t count;
    const char **read; /* owned array: captures named by -r */
    size_t read_count;
};

static bool memory_out(struct request *req)
{
    say("memory is out: close other programs");
    req->memory_out = true;
    return false;
}

/* ---- options ---- */

static int option_by_name(const char *name, size_t length)
{
    for (int i = 0; i < OPTION_COUNT; i++)
        if (strlen(option_table[i].name) == length && memcmp(option_table[i].name, name, length) == 0)
            return i;
    return -1;
}

static int option_by_letter(char letter)
{
    for (int i = 0; i < OPTION_COUNT; i++)
        if (option_table[i].letter == letter)
            return i;
    return -1;
}

static bool unknown_option(const char *name, size_t length)
{
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), name);
    struct nearest near = nearest_to(word);
    for (int i = 0; i < OPTION_COUNT; i++)
        nearest_offer(&near, option_table[i].name);
    if (near.best)
        say("unknown option --%s: did you mean --%s?", word, near.best);
    else
        say("unknown option --%s: see tcpautopsy --help", word);
    return false;
}

static void take(struct request *req, struct words *words, int option, const char *value)
{
    if (option == OPTION_read)
        words->read[words->read_count++] = value;
    req->given[req->given_count++] = (struct given){(enum option)option, value};
}

/* --name, --name=value, --name value. */
static bool take_long(struct request *req, struct words *words, char **argv, int *at)
{
    const char *name = argv[*at] + 2, *value = strchr(name, '=');
    size_t length = value ? (size_t)(value - name) : strlen(name);
    int option = option_by_name(name, length);
    if (option < 0)
        return unknown_option(name, length);
    const struct option_info *info = &option_table[option];
    if (!info->argument && value) {
        say("option --%s takes no value: write it without '%s'", info->name, value);
        return false;
    }
    if (info->argument) {
        value = value ? value + 1 : argv[*at + 1] ? argv[++*at] : NULL;
        if (!value) {
            say("option --%s needs a value: --%s %s", info->name, info->name, info->argument);
            return false;
        }
    }
    take(req, words, option, value);
    return true;
}

/* -x, -xVALUE, -x VALUE, and switches in one word: -nq. */
static bool take_letters(struct request *req, struct words *words, char **argv, int *at)
{
    for (const char *letter = argv[*at] + 1; *letter; letter++) {
        int option = option_by_letter(*letter);
        if (option < 0) {
            say("unknown option -%c: see tcpautopsy --help", *letter);
            return false;
        }
        const struct option_info *info = &option_table[option];
        if (!info->argument) {
            take(req, words, option, NULL);
            continue;
        }
        const char *value = letter[1] ? letter + 1 : argv[*at + 1] ? argv[++*at] : NULL;
        if (!value) {
            say("option -%c needs a value: -%c %s", *letter, *letter, info->argument);
            return false;
        }
        take(req, words, option, value);
        break;
    }
    return true;
}

static bool split_words(struct request *req, struct words *words, int argc, char **argv)
{
    bool options_over = false;
    for (int at = 1; at < argc; at++) {
        const char *word = argv[at];
        if (!options_over && strcmp(word, "--") == 0) {
            options_over = true;
        } else if (options_over || word[0] != '-' || word[1] == '\0') {
            words->word[words->count++] = word;
        } else if (word[1] == '-') {
            if (!take_long(req, words, argv, &at))
                return false;
        } else if (!take_letters(req, words, argv, &at)) {
            return false;
        }
    }
    return true;
}

/* ---- words ---- */

static bool is_input(const char *word)
{
    struct stat st;
    return strcmp(word, "-") == 0 || word[0] == '@' || stat(word, &st) == 0;
}

/* Words [from, to) with blanks between; NULL when memory is out. */
static char *join(const char *const *word, size_t from, size_t to)
{
    size_t length = 1;
    for (size_t i = from; i < to; i++)
        length += strlen(word[i]) + 1;
    char *text = malloc(length), *end = text;
    if (!text)
        return NULL;
    for (size_t i = from; i < to; i++)
        end += sprintf(end, "%s%s", i > from ? " " : "", word[i]);
    *end = '\0';
    return text;
}

static bool is_command(const char *word, enum command *ret_command)
{
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(word, command_table[i].name) == 0) {
            *ret_command = (enum command)i;
            return true;
        }
    }
    return false;
}

static const char *nearest_command(const char *word)
{
    struct nearest near = nearest_to(word);
    if (strpbrk(word, "./ ="))
        return NULL; /* a path, a selector or a filter was meant */
    for (int i = 0; i < COMMAND_COUNT; i++)
        nearest_offer(&near, command_table[i].name);
    return near.best;
}

/* A first word that names a command is one, even where a file has that name: ./flows is the file. */
static bool take_command(struct request *req, struct words *words)
{
    req->command = COMMAND_summary;
    if (!words->count)
        return true;
    const char *word = words->word[0];
    if (is_command(word, &req->command)) {
        req->command_typed = true;
        words->word++;
        words->count--;
    }
    return true;
}

static bool take_captures(struct request *req, const struct words *words)
{
    for (size_t i = 0; i < words->read_count; i++)
        req->capture[req->capture_count++] = words->read[i];
    size_t end = words->count;
    if (words->read_count) {
        size_t files = 0;
        while (files < words->count && is_input(words->word[files]))
            files++;
        end = files;
        if (end < words->count) {
            if (req->filter) {
                say("two filters: one by -f or -F, one behind the captures ('%s'): keep one",
                    words->word[end]);
                return false;
            }
            req->filter = join(words->word, end, words->count);
            if (!req->filter)
                return memory_out(req);
            if (!tca_filter_compiles(req->filter)) {
                say("%s: neither a file nor a filter: check the name, or the expression", req->filter);
                return false;
            }
        }
    }
    for (size_t i = 0; i < end; i++)
        req->capture[req->capture_count++] = words->word[i];
    return true;
}

/* A word that is no file: was it a command or a filter? A file that is merely missing is told by
 * reading. */
static bool check_missing(const struct words *words, size_t at, bool first)
{
    const char *word = words->word[at];
    size_t end = at;
    while (end < words->count && !is_input(words->word[end]))
        end++;
    for (size_t to = end; to > at; to--) {
        char *text = join(words->word, at, to);
        bool is_filter = text && tca_filter_compiles(text);
        if (is_filter)
            say("%s: no such file, but a filter: write -f '%s'", text, text);
        free(text);
        if (is_filter)
            return false;
    }
    const char *near = first ? nearest_command(word) : NULL;
    if (near) {
        say("unknown command '%s': did you mean '%s'?", word, near);
        return false;
    }
    return true;
}

static bool check_words(const struct request *req, const struct words *words)
{
    if (words->read_count || req->command == COMMAND_diff)
        return true;
    for (size_t i = 0; i < words->count; i++)
        if (!is_input(words->word[i]))
            return check_missing(words, i, i == 0 && !req->command_typed);
    return true;
}

/* ---- filter and columns ---- */

enum { FILTER_MAX = 65536 };

static bool read_filter(struct request *req, const char *path)
{
    char *text = malloc(FILTER_MAX);
    FILE *file = text ? fopen(path, "r") : NULL;
    if (!file && errno == ENOMEM) {
        free(text);
        return memory_out(req);
    }
    size_t used = file && text ? fread(text, 1, FILTER_MAX, file) : 0;
    bool good = file && text && !ferror(file) && used < FILTER_MAX && !memchr(text, '\0', used);
    if (file)
        fclose(file);
    if (!good) {
        say("%s: no filter could be read: -F wants a text file with one BPF expression", path);
        free(text);
        return false;
    }
    text[used] = '\0';
    for (char *c = text; *c; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t')
            *c = ' ';
    if (!text[strspn(text, " ")]) {
        say("%s: holds no filter: -F wants a text file with one BPF expression", path);
        free(text);
        return false;
    }
    req->filter = text;
    return true;
}

static bool take_filter(struct request *req)
{
    const char *text = request_value(req, OPTION_filter, NULL);
    const char *path = request_value(req, OPTION_filter_file, NULL);
    if (text && path) {
        say("two filters: -f and -F: keep one");
        return false;
    }
    if (path)
        return read_filter(req, path);
    req->filter = text ? join(&text, 0, 1) : NULL;
    return !text || req->filter || memory_out(req);
}

static bool take_columns(struct request *req)
{
    size_t length = 0;
    for (size_t i = 0; i < req->given_count; i++)
        if (req->given[i].option == OPTION_column)
            length += strlen(req->given[i].value) + 1;
    if (!length)
        return true;
    char *end = req->columns = malloc(length);
    if (!end)
        return memory_out(req);
    for (size_t i = 0; i < req->given_count; i++)
        if (req->given[i].option == OPTION_column)
            end += sprintf(end, "%s%s", end > req->columns ? "," : "", req->given[i].value);
    return true;
}

static bool column_exists(const char *table, const char *name, struct nearest *near)
{
    struct tca_column_info info;
    for (size_t i = 0; tca_registry_column(i, &info); i++) {
        if (strcmp(info.table, table) != 0)
            continue;
        if (strcmp(info.name, name) == 0)
            return true;
        nearest_offer(near, info.name);
    }
    return false;
}

/* Told now, not after an hour of reading. */
static bool check_columns(const struct request *req)
{
    const char *table = command_table[req->command].name;
    for (const char *at = req->columns; at;) {
        char name[64];
        size_t length = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), at);
        struct nearest near = nearest_to(name);
        if (!column_exists(table, name, &near)) {
            if (near.best)
                say("table %s has no column '%s': did you mean '%s'?", table, name, near.best);
            else
                say("table %s has no column '%s': see tcpautopsy schema %s", table, name, table);
            return false;
        }
        at = at[length] ? at + length + 1 : NULL;
    }
    return true;
}

/* `any`: this word may stand among them. */
static bool check_ids(const char *option, const char *list, bool any)
{
    for (const char *at = list; at;) {
        char id[80];
        size_t length = strcspn(at, ",");
        snprintf(id, sizeof id, "%.*s", (int)(length < sizeof id ? length : sizeof id - 1), at);
        struct tca_finding_info info;
        if (!(any && strcmp(id, "any") == 0) && !tca_registry_finding_by_id(id, &info)) {
            char where[32];
            snprintf(where, sizeof where, "--%s: ", option);
            say_no_finding(where, id);
            return false;
        }
        at = at[length] ? at + length + 1 : NULL;
    }
    return true;
}

/* ---- all of it ---- */

static bool check_options(const struct request *req)
{
    for (size_t i = 0; i < req->given_count; i++) {
        const struct option_info *info = &option_table[req->given[i].option];
        if (!(info->commands & 1u << req->command)) {
            say("%s takes no --%s: see tcpautopsy %s --help", command_table[req->command].name, info->name,
                command_table[req->command].name);
            return false;
        }
    }
    const char *fail_on = request_value(req, OPTION_fail_on, NULL);
    if (fail_on && !check_ids("fail-on", fail_on, true))
        return false;
    const char *finding = request_value(req, OPTION_finding, NULL);
    return (!finding || check_ids("finding", finding, false)) && check_columns(req);
}

/* The word before the captures: SELECTOR, ID or TABLE. */
static bool take_word(struct request *req, struct words *words)
{
    bool needs = req->command == COMMAND_explain;
    bool takes = needs || req->command == COMMAND_findings || req->command == COMMAND_schema;
    if (takes && words->count) {
        req->word = words->word[0];
        words->word++;
        words->count--;
    }
    if (needs && (!req->word || is_input(req->word))) {
        say("explain needs a SELECTOR before the captures, such as stream=0, frame=12 or flow=c1f12");
        return false;
    }
    if (takes && !needs && words->count) {
        say("%s takes one word: '%s' is too many", command_table[req->command].name, words->word[0]);
        return false;
    }
    return true;
}

/* As many options as the letters typed can name. */
static size_t letters_of(int argc, char **argv)
{
    size_t letters = 1;
    for (int i = 1; i < argc; i++)
        letters += strlen(argv[i]);
    return letters;
}

static bool parse_all(struct request *req, struct words *words, int argc, char **argv)
{
    if (!split_words(req, words, argc, argv) || !take_command(req, words))
        return false;
    if (request_has(req, OPTION_help) || request_has(req, OPTION_version))
        return true;
    return take_word(req, words) && check_words(req, words) && take_filter(req) && take_columns(req) &&
           check_options(req) && take_captures(req, words);
}

bool request_parse(int argc, char **argv, struct request *req)
{
    *req = (struct request){0};
    size_t room = (size_t)argc + 1;
    const char **word = calloc(room, sizeof *word);
    struct words words = {.word = word, .read = calloc(room, sizeof *words.read)};
    req->given = calloc(letters_of(argc, argv), sizeof *req->given);
    req->capture = calloc(room, sizeof *req->capture);
    bool room_made = word && words.read && req->given && req->capture;
    bool good = room_made ? parse_all(req, &words, argc, argv) : memory_out(req);
    free(word);
    free(words.read);
    return good;
}

void request_done(struct request *req)
{
    free(req->given);
    free(req->capture);
    free(req->folder);
    tca_inputs_free(req->inputs);
    free(req->filter);
    free(req->columns);
    *req = (struct request){0};
}

bool request_has(const struct request *req, enum option option)
{
    for (size_t i = 0; i < req->given_count; i++)
        if (req->given[i].option == option)
            return true;
    return false;
}

const char *request_value(const struct request *req, enum option option, const char *standard)
{
    for (size_t i = req->given_count; i-- > 0;)
        if (req->given[i].option == option)
            return req->given[i].value;
    return standard;
}

bool request_word_known(const char *option, const char *value, const char *const *known)
{
    struct nearest near = nearest_to(value);
    for (; *known; known++) {
        if (strcmp(value, *known) == 0)
            return true;
        nearest_offer(&near, *known);
    }
    say("--%s: '%s' is not known here: %s%s", option, value, near.best ? "did you mean " : "see --help",
        near.best ? near.best : "");
    return false;
}

bool request_color_known(const struct request *req)
{
    static const char *const colors[] = {"auto", "always", "never", NULL};
    return request_word_known("color", request_value(req, OPTION_color, "auto"), colors);
}

bool request_form_known(const struct request *req)
{
    static const char *const forms[] = {"csv", "jsonl", NULL};
    return request_word_known("format", request_value(req, OPTION_format, "csv"), forms);
}
