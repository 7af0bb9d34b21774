/* usage: check_store FILE
 *
 * Checks the store of this folder, on a file that is not there yet, against everything that the SDK
 * relies on. Run it with your tests, and have your own store opened here. */
#include "store_in_c.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    casehug_clio_store store, second; /* two connections: what one commits the other one sees */
    char *out = NULL, *error = NULL;
    if (argc != 2 || !store_in_c_open(&store, argv[1]) || !store_in_c_open(&second, argv[1])) return 2;
    if (casehug_clio_check_store(&store, &second, &out, &error) != CASEHUG_CLIO_OK) return fprintf(stderr, "%s\n", error), 2;
    int kept = strstr(out, "\"wrong\":\"") == NULL;
    puts(out);
    casehug_clio_free(out);
    return kept ? 0 : 1;
}
