/*
 * The synopsis is the grammar: each option that comes is looked for in the brackets of the text,
 * so what the usage shows and what is accepted cannot differ.  The text is short and read once per
 * request, so it is searched as it stands instead of being compiled.
 */
#include "control/arguments.h"

#include <string.h>

/* One option as the synopsis has it. */
struct declared_option {
	const char *group; /* the opening bracket */
	const char *name;
	size_t name_length;
	bool takes_value;
};

/* Finds the option in the synopsis; alternatives are divided by '|' and end with ']'. */
static bool find_option(
    const char *synopsis, const char *word, size_t length, struct declared_option *option)
{
	for (const char *group = strstr(synopsis, "[--"); group; group = strstr(group, "[--")) {
		const char *at = group;

		do {
			const char *name = at + 1;
			const size_t name_length = strcspn(name, " |]");

			at = name + strcspn(name, "|]");
			if (name_length == length && !memcmp(name, word, length)) {
				*option = (struct declared_option){
				    group, name, name_length, name[name_length] == ' '};
				return true;
			}
		} while (*at == '|');
		group = at;
	}
	return false;
}

/* Refuses the second one of a group. */
static bool check_group(
    const struct arguments *arguments, const struct declared_option *option, struct error *error)
{
	for (size_t i = 0; i < arguments->option_count; i++) {
		const struct arguments_option *other = &arguments->options[i];

		if (other->group != option->group)
			continue;
		if (other->name == option->name)
			return error_set(
			    error, "%.*s is given twice", (int)other->name_length, other->name);
		return error_set(error, "%.*s and %.*s exclude each other", (int)other->name_length,
		    other->name, (int)option->name_length, option->name);
	}
	return true;
}

/* `*next` is the word behind, and is taken if the option needs a value that is not in `word`. */
static bool parse_option(const char *synopsis, const char *word, const char *const *next,
    bool *took_next, struct arguments *arguments, struct error *error)
{
	const size_t length = strcspn(word, "=");
	struct declared_option option;
	const char *value = "";

	*took_next = false;
	if (!find_option(synopsis, word, length, &option))
		return error_set(error, "unknown option %.*s", (int)length, word);
	if (!check_group(arguments, &option, error))
		return false;
	if (!option.takes_value && word[length])
		return error_set(error, "%.*s takes no value", (int)length, word);
	if (option.takes_value && word[length]) {
		value = word + length + 1;
	} else if (option.takes_value) {
		if (!next)
			return error_set(error, "%s needs a value", word);
		value = *next;
		*took_next = true;
	}
	if (arguments->option_count == ARGUMENTS_OPTIONS_MAX)
		return error_set(error, "too many options");
	arguments->options[arguments->option_count++] =
	    (struct arguments_option){option.name, option.name_length, value, option.group};
	return true;
}

static bool takes_positional(const char *synopsis)
{
	return *synopsis && strncmp(synopsis, "[--", 3);
}

bool arguments_parse(const char *synopsis, const char *const *words, size_t count,
    struct arguments *arguments, struct error *error)
{
	*arguments = (struct arguments){0};
	for (size_t i = 0; i < count; i++) {
		bool took_next = false;

		if (words[i][0] == '-') {
			const char *const *next = i + 1 < count ? &words[i + 1] : NULL;

			if (!parse_option(synopsis, words[i], next, &took_next, arguments, error))
				return false;
			i += took_next;
		} else if (!takes_positional(synopsis) || arguments->positional) {
			return error_set(error, "unexpected argument %s", words[i]);
		} else {
			arguments->positional = words[i];
		}
	}
	if (takes_positional(synopsis) && *synopsis != '[' && !arguments->positional)
		return error_set(error, "%.*s is missing", (int)strcspn(synopsis, " "), synopsis);
	return true;
}

const char *arguments_option(const struct arguments *arguments, const char *name)
{
	for (size_t i = 0; i < arguments->option_count; i++) {
		const struct arguments_option *option = &arguments->options[i];

		if (strlen(name) == option->name_length &&
		    !memcmp(name, option->name, option->name_length))
			return option->value;
	}
	return NULL;
}
