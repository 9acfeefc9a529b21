/* token/unicode - letters, numbers and blanks. */
#ifndef TOKEN_UNICODE_H
#define TOKEN_UNICODE_H

#include <stddef.h>
#include <stdint.h>

/* The general categories L and N, and the property White_Space. */
enum unicode_kind { UNICODE_OTHER, UNICODE_LETTER, UNICODE_NUMBER, UNICODE_BLANK };

enum unicode_kind unicode_kind_of(uint32_t code);

#endif
