/* SPDX-License-Identifier: MIT
 *
 * What was typed: the command, its options and its words. Strings are borrowed from argv unless said
 * otherwise.
 */
#ifndef TCA_CLI_OPTIONS_H
#define TCA_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum exit_code {
#define EXIT(name, value, meaning) EXIT_##name = (value),
#include "exit.def"
#undef EXIT
};

enum command {
#define COMMAND(name, arguments, meaning) COMMAND_##name,
#include "commands.def"
#undef COMMAND
    COMMAND_COUNT
};

enum option {
#define OPTION(id, letter, name, argument, kind, commands, group, standard, meaning, cost) OPTION_##id,
#include "options.def"
#undef OPTION
    OPTION_COUNT
};

enum option_kind { KIND_SETTING, KIND_SWITCH, KIND_OWN };
enum option_group { GROUP_INPUT, GROUP_JUDGE, GROUP_OUTPUT, GROUP_RUN, GROUP_COUNT };

struct option_info {
    char letter; /* 0: none */
    const char *name, *argument;
    enum option_kind kind;
    unsigned commands; /* bits by enum command */
    enum option_group group;
    const char *standard, *meaning, *cost; /* NULL where there is none */
};
extern const struct option_info option_table[OPTION_COUNT];

struct command_info {
    const char *name, *arguments, *meaning;
};
extern const struct command_info command_table[COMMAND_COUNT];

struct exit_info {
    int value;
    const char *meaning;
};
extern const struct exit_info exit_table[];
extern const size_t exit_count;
extern const char *const group_title[GROUP_COUNT];

/* What a value may be, as far as a shell can complete it; an option that is not there takes anything. */
enum value_kind { VALUE_WORDS, VALUE_FILE, VALUE_FOLDER, VALUE_COLUMN, VALUE_FINDING };
struct option_value {
    enum option option;
    unsigned commands; /* that take these values for it */
    enum value_kind kind;
    const char *words; /* separated by a space; beside the findings also taken; NULL where there are none */
};
extern const struct option_value value_table[];
extern const size_t value_count;

struct given {
    enum option option;
    const char *value; /* NULL for a switch */
};

struct request {
    enum command command;
    bool command_typed;
    struct given *given; /* owned, in the order typed */
    size_t given_count;
    const char **capture; /* owned array; of diff the two tables */
    size_t capture_count;
    const char **folder; /* owned array: directories among the names as typed, once these stand for files */
    size_t folder_count;
    struct tca_inputs *inputs; /* owned: what the names of captures stand for, whose `capture` are then */
    const char *word;          /* SELECTOR, ID or TABLE; NULL if none */
    char *filter;              /* owned; from -f, -F or the words after -r; NULL if none */
    char *columns;             /* owned comma list; NULL for all */
    bool memory_out;           /* that is why it could not be filled */
};

/* Fill *ret_request from the command line. False when it is wrong, or memory is out; the reason was then printed. */
bool request_parse(int argc, char **argv, struct request *ret_request);
void request_done(struct request *req);
bool request_has(const struct request *req, enum option option);
/* The last value given; `standard` when the option was not given. */
const char *request_value(const struct request *req, enum option option, const char *standard);
/* Is the value of an option one of the known words? Else says which is near. */
bool request_word_known(const char *option, const char *value, const char *const *known);
bool request_color_known(const struct request *req);
/* Is --format one that tables have? */
bool request_form_known(const struct request *req);

/* ---- help.c ---- */
void help_print(const struct request *req);
void help_version(void);
/* Print a text in words that wrap at 80 columns, after `head`, further lines indented as far as `head` is
 * wide. */
void help_wrap(const char *head, const char *text);

#endif
