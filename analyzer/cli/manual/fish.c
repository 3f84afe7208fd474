/* SPDX-License-Identifier: MIT
 *
 * Completion for fish: a `complete` for each option and each command's words, with the condition that such a command was typed.
 */
#include "manual.h"

static const char work[] =
    "# The command that was typed, nothing where none was\n"
    "function __tcpautopsy_command\n"
    "    for word in (commandline -opc)[2..]\n"
    "        if contains -- $word $__tcpautopsy_commands\n"
    "            echo $word\n"
    "            return\n"
    "        end\n"
    "    end\n"
    "    return 1\n"
    "end\n\n"
    "# Was one of these typed? \"none\" stands for no command, where summary's options and all others may "
    "follow.\n"
    "function __tcpautopsy_in\n"
    "    set -l typed (__tcpautopsy_command); or set typed none\n"
    "    contains -- $typed $argv\n"
    "end\n\n"
    "# What stands before the last comma of a list, with each of the words behind it\n"
    "function __tcpautopsy_list\n"
    "    set -l before (string match -r -- '^(?:-[^=]*=)?(.*,)' (commandline -ct))[2]\n"
    "    printf \"$before%s\\n\" $argv\n"
    "end\n\n";

/* Within single quotes. */
static void put_text(const char *text)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

static void put_name(const char *name)
{
    printf(" %s", name);
}

static void put_condition(unsigned commands, bool none)
{
    fputs("complete -c tcpautopsy -n '__tcpautopsy_in", stdout);
    if (none)
        fputs(" none", stdout);
    for (int command = 0; command < COMMAND_COUNT; command++)
        if (commands & 1u << command)
            put_name(command_table[command].name);
    putchar('\'');
}

static void put_value(const struct option_value *value, const char *table)
{
    static const char *const kinds[] = {
        [VALUE_FILE] = " -r -F", [VALUE_FOLDER] = " -x -a '(__fish_complete_directories)'"};
    switch (value->kind) {
    case VALUE_WORDS:
        printf(" -x -a '%s'", value->words);
        break;
    case VALUE_FILE:
    case VALUE_FOLDER:
        fputs(kinds[value->kind], stdout);
        break;
    case VALUE_FINDING:
        printf(" -x -a '(__tcpautopsy_list %s $__tcpautopsy_findings)'", value->words ? value->words : "");
        break;
    case VALUE_COLUMN:
        fputs(" -x -a '(__tcpautopsy_list", stdout);
        manual_columns(table, put_name);
        fputs(")'", stdout);
        break;
    }
}

/* One line for an option in the commands given; `value` NULL where nothing is known of it. */
static void put_line(enum option option, unsigned commands, bool none, const struct option_value *value,
                     const char *table)
{
    const struct option_info *info = &option_table[option];
    put_condition(commands, none);
    if (info->letter)
        printf(" -s %c", info->letter);
    printf(" -l %s", info->name);
    if (value)
        put_value(value, table);
    else if (info->argument)
        fputs(" -x", stdout);
    fputs(" -d ", stdout);
    put_text(info->meaning);
    putchar('\n');
}

/* Columns differ from table to table; other values are the same wherever they are taken. */
static unsigned put_option_values(enum option option)
{
    unsigned done = 0;
    for (size_t at = 0; at < value_count; at++) {
        const struct option_value *value = &value_table[at];
        unsigned commands = value->commands & option_table[option].commands & ((1u << COMMAND_COUNT) - 1);
        if (value->option != option)
            continue;
        if (value->kind != VALUE_COLUMN)
            put_line(option, commands, commands & 1u << COMMAND_summary, value, NULL);
        for (int command = 0; value->kind == VALUE_COLUMN && command < COMMAND_COUNT; command++)
            if (commands & 1u << command)
                put_line(option, 1u << command, false, value,
                         manual_is_table(command_table[command].name) ? command_table[command].name : NULL);
        done |= commands;
    }
    return done;
}

static void put_option(enum option option)
{
    unsigned commands = option_table[option].commands & ((1u << COMMAND_COUNT) - 1);
    unsigned done = put_option_values(option);
    bool none = !(done & 1u << COMMAND_summary);
    if (none || commands & ~done)
        put_line(option, commands & ~done, none, NULL, NULL);
}

static void put_command(enum command command)
{
    put_condition(0, true);
    printf(" -a %s -d ", command_table[command].name);
    put_text(command_table[command].meaning);
    putchar('\n');
    switch (manual_word(command)) {
    case WORD_SELECTOR:
        put_condition(1u << command, false);
        printf(" -a '%s'\n", MANUAL_SELECTORS);
        break;
    case WORD_FINDING:
        put_condition(1u << command, false);
        puts(" -f -a '$__tcpautopsy_findings'");
        break;
    case WORD_TABLE:
        put_condition(1u << command, false);
        fputs(" -f -a '", stdout);
        manual_tables(put_name);
        puts("'");
        break;
    case WORD_CAPTURE:
    case WORD_FOLDER:
        break;
    }
}

void manual_fish(void)
{
    puts("# SPDX-License-Identifier: MIT\n# fish completion for tcpautopsy, made of the program's tables\n");
    fputs("set -g __tcpautopsy_commands", stdout);
    for (int command = 0; command < COMMAND_COUNT; command++)
        put_name(command_table[command].name);
    fputs("\nset -g __tcpautopsy_findings", stdout);
    manual_findings(put_name);
    puts("\n");
    fputs(work, stdout);
    for (int command = 0; command < COMMAND_COUNT; command++)
        put_command((enum command)command);
    putchar('\n');
    for (int option = 0; option < OPTION_COUNT; option++)
        put_option((enum option)option);
}
