"""Which data sets of the package reasoning-gym the task `reasoning_gym` poses, and why it refuses the others.

Every data set that version JUDGED registers is in one of the two tables; a test holds that. To judge another version,
read each `score_answer` that changed, run the tests of this task, the slow ones too, and set JUDGED.
"""

JUDGED = "0.1.25"
"""The version of reasoning-gym whose scorers were read and measured."""

ALLOWED = (
    *("ab", "acre", "aiw", "arc_1d", "arc_agi", "base_conversion", "basic_arithmetic", "bf", "binary_alternation"),
    *("bitwise_arithmetic", "caesar_cipher", "calendar_arithmetic", "chain_sum", "circuit_logic"),
    *("color_cube_rotation", "count_bits", "count_primes", "course_schedule", "decimal_chain_sum", "dice"),
    *("emoji_mystery", "family_relationships", "futoshiki", "gcd", "group_anagrams", "jugs", "largest_island", "lcm"),
    *("leg_counting", "letter_counting", "list_functions", "mahjong_puzzle", "manipulate_matrix", "maze"),
    *("mini_sudoku", "modulo_grid", "needle_haystack", "number_filtering", "number_sequence", "palindrome_generation"),
    *("palindrome_partitioning", "path_star", "power_function", "prime_factorization", "products", "rearc"),
    *("rectangle_count", "rotate_matrix", "rotten_oranges", "self_reference", "sentence_reordering", "shortest_path"),
    *("simple_equations", "simple_geometry", "spell_backward", "string_manipulation", "string_splitting"),
    *("string_synthesis", "sudoku", "syllogism", "tower_of_hanoi", "tsumego", "word_sequence_reversal"),
    "zebra_puzzles",
)
"""The gold scores 1.0; other answers, none, and the gold with more text around it score less."""

SEVERAL_ANSWERS = ("jugs", "palindrome_generation", "shortest_path")
"""Data sets where the gold of another problem may be right too."""

IN_ADVANCE = ("acre", "list_functions")
"""Data sets that make all their problems when they are built; all others draw each from seed + place."""

_NONE = "its problems have no answer"
_EVALUATES = "its scorer evaluates the answer as Python"
_VARIES = "the same seed gives other problems or answers in another process"

DENIED = {
    "advanced_geometry": "an answer may name further points after the right one",
    "binary_matrix": _EVALUATES,
    "boxnet": _NONE,
    "codeio": "it poses problems by running programs of its own data",
    "coin_flip": "any beginning of the right number scores 1.0, as '0' does for 0.109375",
    "complex_arithmetic": "the answer 'nan' always scores 1.0",
    "composite": "it mixes other data sets, also refused ones; name one of them",
    "countdown": f"{_EVALUATES}; the task countdown poses the same problems exactly",
    "cryptarithm": "an answer may give a letter several digits, and the last one counts",
    "decimal_arithmetic": "the last decimal place may be one off",
    "figlet_font": "ten letters in the right places score 1.0, whatever else is written",
    "fraction_simplification": "what follows the right fraction is not read",
    "game_of_life": "cells and rows beyond the board are not read, and an answer that is no list makes it raise",
    "game_of_life_halting": "any text scores 1.0",
    "graph_color": _NONE,
    "gsm_symbolic": "the first number in the answer counts, without its sign",
    "intermediate_integration": _EVALUATES,
    "isomorphic_strings": _VARIES,
    "kakurasu": "all but the digits 0 and 1 is passed over",
    "knight_swap": _VARIES,
    "knights_knaves": "what does not name a person and a role is passed over",
    "letter_jumble": "words after the right ones are not read",
    "n_queens": _EVALUATES,
    "number_format": "any number within 0.01 scores 1.0, though the candidates may differ by less",
    "number_sorting": "each number may be off by 1",
    "polynomial_equations": "what is no number is passed over, and any text scores 1.0 where there is no solution",
    "polynomial_multiplication": f"{_EVALUATES}, and {_VARIES}",
    "pool_matrix": "each number may be 1 % off, and comments are passed over",
    "propositional_logic": _NONE,
    "puzzle24": _EVALUATES,
    "quantum_lock": "every letter A, B or C in the answer is a move, also in prose",
    "ransom_note": _VARIES,
    "rubiks_cube": _NONE,
    "rush_hour": _NONE,
    "simple_integration": _EVALUATES,
    "sokoban": "all but the letters of moves is passed over, also in prose",
    "spiral_matrix": _EVALUATES,
    "string_insertion": _EVALUATES,
    "survo": "all but whole numbers is passed over",
    "time_intervals": "what follows the right time or number of days is not read",
    "word_ladder": _VARIES,
    "word_sorting": "words after the right ones are not read",
}
"""Data set -> why it is refused: its verdicts, or its problems, cannot be trusted."""
