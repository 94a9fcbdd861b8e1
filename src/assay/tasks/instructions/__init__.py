"""The 25 verifiable instructions of IFEval (arXiv 2311.07911), each a function of the response and its arguments.

`(response, **arguments) -> bool`: True where the response follows the instruction. Names, arguments and meaning are
those of Google's reference implementation; where it is wrong we depart, and docs/tasks.md says so. The annotations of
a function say which arguments its instruction has; `assay.tasks.instructions.follow` reads and checks them. All take
time linear in the response.
"""

INSTRUCTIONS = {
    "keywords:existence": "assay.tasks.instructions.words:existence",
    "keywords:frequency": "assay.tasks.instructions.words:frequency",
    "keywords:forbidden_words": "assay.tasks.instructions.words:forbidden_words",
    "keywords:letter_frequency": "assay.tasks.instructions.words:letter_frequency",
    "language:response_language": "assay.tasks.instructions.language:response_language",
    "length_constraints:number_sentences": "assay.tasks.instructions.words:number_sentences",
    "length_constraints:number_paragraphs": "assay.tasks.instructions.parts:number_paragraphs",
    "length_constraints:number_words": "assay.tasks.instructions.words:number_words",
    "length_constraints:nth_paragraph_first_word": "assay.tasks.instructions.parts:nth_paragraph_first_word",
    "detectable_content:number_placeholders": "assay.tasks.instructions.marks:number_placeholders",
    "detectable_content:postscript": "assay.tasks.instructions.marks:postscript",
    "detectable_format:number_bullet_lists": "assay.tasks.instructions.marks:number_bullet_lists",
    "detectable_format:constrained_response": "assay.tasks.instructions.marks:constrained_response",
    "detectable_format:number_highlighted_sections": "assay.tasks.instructions.marks:number_highlighted_sections",
    "detectable_format:multiple_sections": "assay.tasks.instructions.parts:multiple_sections",
    "detectable_format:json_format": "assay.tasks.instructions.marks:json_format",
    "detectable_format:title": "assay.tasks.instructions.marks:title",
    "combination:two_responses": "assay.tasks.instructions.parts:two_responses",
    "combination:repeat_prompt": "assay.tasks.instructions.parts:repeat_prompt",
    "startend:end_checker": "assay.tasks.instructions.parts:end_checker",
    "startend:quotation": "assay.tasks.instructions.marks:quotation",
    "change_case:capital_word_frequency": "assay.tasks.instructions.words:capital_word_frequency",
    "change_case:english_capital": "assay.tasks.instructions.language:english_capital",
    "change_case:english_lowercase": "assay.tasks.instructions.language:english_lowercase",
    "punctuation:no_comma": "assay.tasks.instructions.marks:no_comma",
}
