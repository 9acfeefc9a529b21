#include "wire/link.h"

#include <errno.h>
#include <sodium.h>

#define KEY_LETTERS 43

void link_key_new(unsigned char key[LINK_KEY_BYTES])
{
    randombytes_buf(key, LINK_KEY_BYTES);
}

void link_key_print(const unsigned char key[LINK_KEY_BYTES], char out[KEY_LETTERS + 1])
{
    (void)sodium_bin2base64(out, KEY_LETTERS + 1, key, LINK_KEY_BYTES,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* The sentences never quote the text: it may be the key but for one letter. */
int link_key_parse(struct str text, unsigned char key[LINK_KEY_BYTES], struct err *err)
{
    const char *end;
    size_t len;

    if (text.len != KEY_LETTERS)
        return err_set(err, -EINVAL, "a run's key has %d letters, here are %zu", KEY_LETTERS,
                       text.len);
    if (sodium_base642bin(key, LINK_KEY_BYTES, text.p, text.len, NULL, &len, &end,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) < 0 ||
        len != LINK_KEY_BYTES || end != text.p + text.len)
        return err_set(err, -EINVAL, "a run's key is base64url, here is another letter in it");
    return 0;
}
