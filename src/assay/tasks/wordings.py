# ruff: noqa: E501
r"""Prompt wordings: how a question is put to a model, word for word. The texts are quoted; a test pins each by its hash.

`none`      the question alone
`boxed`     a user's message: the question, then the instruction of Qwen2.5-Math (arXiv 2409.12122) and DeepSeek-R1
`r1`        DeepSeek-R1-Zero's text (arXiv 2501.12948, table 1) as understand-r1-zero writes it (arXiv 2503.20783); the
            response begins inside `<think>`
`few-shot`  worked examples before the question: for problems of competitions and universities the four of Minerva
            (arXiv 2206.14858, as in lm-evaluation-harness's minerva_math), for word problems the eight of
            chain-of-thought prompting (arXiv 2201.11903, table 20, as in its gsm8k_cot)

A chat template is another thing: it is the model's, and applied to messages only (`assay.policies.templates`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Name = Literal["boxed", "none", "r1", "few-shot"]


@dataclass(frozen=True, slots=True)
class Wording:
    """What stands before and after a question; whether that is a user's message, else text; where a response ends.

    `stop` are the stop strings that samplers use by default: beyond them a model makes up further questions. `opening`
    is the beginning of the response that the prompt ends with, `closing` what ends it.
    """

    before: str = ""
    after: str = ""
    message: bool = False
    stop: tuple[str, ...] = ()
    opening: str = ""
    closing: str = ""

    def pose(self, question: str) -> Mapping[str, Any]:
        """`text` and `messages` of a Prompt, one of them None."""
        content = f"{self.before}{question}{self.after}{self.opening}"
        messages = ({"role": "user", "content": content},) if self.message else None
        return {"text": None if self.message else content, "messages": messages}

    def question(self, content: str) -> str:
        """The question that `pose` made this text or message of."""
        return content.removeprefix(self.before).removesuffix(f"{self.after}{self.opening}")


BOXED = "Please reason step by step, and put your final answer within \\boxed{}."

R1 = "A conversation between User and Assistant. The User asks a question, and the Assistant solves it. The Assistant first thinks about the reasoning process in the mind and then provides the User with the answer. The reasoning process is enclosed within <think> </think> and answer is enclosed within <answer> </answer> tags, respectively, i.e., <think> reasoning process here </think> <answer> answer here </answer>."

MINERVA = r"""Problem:
Find the domain of the expression  $\frac{\sqrt{x-2}}{\sqrt{5-x}}$.}

Solution:
The expressions inside each square root must be non-negative. Therefore, $x-2 \ge 0$, so $x\ge2$, and $5 - x \ge 0$, so $x \le 5$. Also, the denominator cannot be equal to zero, so $5-x>0$, which gives $x<5$. Therefore, the domain of the expression is $\boxed{[2,5)}$.
Final Answer: The final answer is $[2,5)$. I hope it is correct.

Problem:
If $\det \mathbf{A} = 2$ and $\det \mathbf{B} = 12,$ then find $\det (\mathbf{A} \mathbf{B}).$

Solution:
We have that $\det (\mathbf{A} \mathbf{B}) = (\det \mathbf{A})(\det \mathbf{B}) = (2)(12) = \boxed{24}.$
Final Answer: The final answer is $24$. I hope it is correct.

Problem:
Terrell usually lifts two 20-pound weights 12 times. If he uses two 15-pound weights instead, how many times must Terrell lift them in order to lift the same total weight?

Solution:
If Terrell lifts two 20-pound weights 12 times, he lifts a total of $2\cdot 12\cdot20=480$ pounds of weight.  If he lifts two 15-pound weights instead for $n$ times, he will lift a total of $2\cdot15\cdot n=30n$ pounds of weight.  Equating this to 480 pounds, we can solve for $n$:
\begin{align*}
30n&=480\\
\Rightarrow\qquad n&=480/30=\boxed{16}
\end{align*}
Final Answer: The final answer is $16$. I hope it is correct.

Problem:
If the system of equations

\begin{align*}
6x-4y&=a,\\
6y-9x &=b.
\end{align*}has a solution $(x, y)$ where $x$ and $y$ are both nonzero,
find $\frac{a}{b},$ assuming $b$ is nonzero.

Solution:
If we multiply the first equation by $-\frac{3}{2}$, we obtain

$$6y-9x=-\frac{3}{2}a.$$Since we also know that $6y-9x=b$, we have

$$-\frac{3}{2}a=b\Rightarrow\frac{a}{b}=\boxed{-\frac{2}{3}}.$$
Final Answer: The final answer is $-\frac{2}{3}$. I hope it is correct.

Problem:
"""

WORD_PROBLEMS = """Q: There are 15 trees in the grove. Grove workers will plant trees in the grove today. After they are done, there will be 21 trees. How many trees did the grove workers plant today?
A: There are 15 trees originally. Then there were 21 trees after some more were planted. So there must have been 21 - 15 = 6. The answer is 6.

Q: If there are 3 cars in the parking lot and 2 more cars arrive, how many cars are in the parking lot?
A: There are originally 3 cars. 2 more cars arrive. 3 + 2 = 5. The answer is 5.

Q: Leah had 32 chocolates and her sister had 42. If they ate 35, how many pieces do they have left in total?
A: Originally, Leah had 32 chocolates. Her sister had 42. So in total they had 32 + 42 = 74. After eating 35, they had 74 - 35 = 39. The answer is 39.

Q: Jason had 20 lollipops. He gave Denny some lollipops. Now Jason has 12 lollipops. How many lollipops did Jason give to Denny?
A: Jason started with 20 lollipops. Then he had 12 after giving some to Denny. So he gave Denny 20 - 12 = 8. The answer is 8.

Q: Shawn has five toys. For Christmas, he got two toys each from his mom and dad. How many toys does he have now?
A: Shawn started with 5 toys. If he got 2 toys each from his mom and dad, then that is 4 more toys. 5 + 4 = 9. The answer is 9.

Q: There were nine computers in the server room. Five more computers were installed each day, from monday to thursday. How many computers are now in the server room?
A: There were originally 9 computers. For each of 4 days, 5 more computers were added. So 5 * 4 = 20 computers were added. 9 + 20 is 29. The answer is 29.

Q: Michael had 58 golf balls. On tuesday, he lost 23 golf balls. On wednesday, he lost 2 more. How many golf balls did he have at the end of wednesday?
A: Michael started with 58 golf balls. After losing 23 on tuesday, he had 58 - 23 = 35. After losing 2 more, he had 35 - 2 = 33 golf balls. The answer is 33.

Q: Olivia has $23. She bought five bagels for $3 each. How much money does she have left?
A: Olivia had 23 dollars. 5 bagels for 3 dollars each will be 5 x 3 = 15 dollars. So she has 23 - 15 dollars left. 23 - 15 is 8. The answer is 8.

Q: """

FEW_SHOT = {
    "math": Wording(before=MINERVA, after="\n\nSolution:", stop=("Problem:",)),
    "word problems": Wording(before=WORD_PROBLEMS, after="\nA:", stop=("Q:",)),
}
"""By kind of problem. The stop strings are those of lm-evaluation-harness."""

WORDINGS = {
    "none": Wording(),
    "boxed": Wording(after=f"\n\n{BOXED}", message=True),
    "r1": Wording(
        before=f"{R1}\nUser: ", after="\nAssistant: ", stop=("\nUser:",), opening="<think>", closing="</think>"
    ),
}


def wording(name: Name, kind: Literal["math", "word problems"]) -> Wording:
    """The wording of this name; `kind` chooses the worked examples of `few-shot`."""
    return FEW_SHOT[kind] if name == "few-shot" else WORDINGS[name]
