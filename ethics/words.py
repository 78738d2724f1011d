"""What the audit report says, English beside Brazilian Portuguese. Keys that begin "about " are said in full in both."""

MEANING = (
    "Each figure is judged against a threshold that stood before: what real things score against other real things, made looser "
    "by the policy's factor and by chance. A pass is no proof of safety; of fewer than ten things nothing is claimed."
)
PORTUGUESE = {
    "Audit of a synthetic data set": "Auditoria de um conjunto de dados sintéticos",
    MEANING: "Cada valor é julgado contra um limite fixado antes: o que coisas reais obtêm contra outras coisas reais, "
        "afrouxado pelo fator da política e pelo acaso. Aprovação não é prova de segurança; com menos de dez itens nada se "
        "afirma.",
    "What was audited": "O que foi auditado",
    "finding": "achado", "value": "valor", "95 % interval": "intervalo de 95 %", "n": "n", "threshold": "limite",
    "verdict": "veredito", "what it says": "o que diz",
    "pass": "aprovado", "fail": "reprovado", "noted": "anotado", "no claim": "sem afirmação", "not done": "não realizada",
    "fidelity": "fidelidade e diversidade", "privacy": "privacidade", "bias": "viés", "usefulness": "utilidade",
    "origin": "direito e origem", "safety": "duplo uso e segurança",
    "about fidelity": "o quanto se parece com o real, e quanto dele cobre",
    "about privacy": "o que revela daquilo com que o modelo foi treinado",
    "about bias": "quem fica de fora ou é mal atendido",
    "about usefulness": "se um modelo treinado com ele funciona em dados reais",
    "about origin": "de quem são as obras, sob qual licença, e quem não quis participar",
    "about safety": "se contém o que não se deve divulgar",
    "rating": "avaliação por pessoas", "about rating": "qual conjunto as pessoas preferem, sem saber qual é qual",
    "attention checks": "verificações de atenção", "agreement of raters": "concordância entre avaliadores",
    "answered rightly; left out: {lost} of {all} raters": "respondidas corretamente; excluídos: {lost} de {all} avaliadores",
    "log strength by Bradley and Terry; preferred in {share} of {games}":
        "log-força de Bradley e Terry; preferido em {share} de {games}",
    "Krippendorff's alpha of which set was preferred: 1: raters agree, 0: as by chance":
        "alfa de Krippendorff sobre o conjunto preferido: 1: os avaliadores concordam, 0: como por acaso",
    "question": "pergunta", "votes": "votos", "raters": "avaliadores",
    "FID by Inception": "FID por Inception", "Inception Score": "Inception Score",
    "not measured: no weights given (--inception)": "não medido: nenhum peso foi dado (--inception)",
    "{n} against {m} real; compare only at equal sizes. Two halves of the real set, {half} each: {null}":
        "{n} contra {m} reais; compare só com tamanhos iguais. Duas metades do conjunto real, {half} cada: {null}",
    "mean and two standard deviations of {splits} parts; of the real set: {own}":
        "média e dois desvios-padrão de {splits} partes; do conjunto real: {own}",
    "counterfactual pairs": "pares contrafactuais",
    "about counterfactual pairs": "o que muda com um atributo, par a par; se deve mudar, cabe a pessoas dizer",
    "valid": "válido", "figures that move": "valores que mudam", "how far pairs lie apart": "distância dentro dos pares",
    "distance to the nearest real thing": "distância ao item real mais próximo", "sharpness": "nitidez",
    "{moved} of {all} figures; chance alone moves about {chance}":
        "{moved} de {all} valores; só o acaso muda cerca de {chance}",
    "distance within a pair over that between pairs; 0: the attribute changes nothing, 1: nothing but chance is left":
        "distância dentro do par sobre a entre pares; 0: o atributo nada muda, 1: só resta o acaso",
    "second less first, over its spread among the pairs, with 95 % intervals; red: away from 0":
        "segundo menos primeiro, sobre a dispersão entre os pares, com intervalos de 95 %; vermelho: longe de 0",
    "recipe": "receita", "recipe_sha256": "sha256 da receita", "changed": "atributo mudado", "values": "valores",
    "pairs": "pares",
    "drift": "deriva", "about drift": "como os valores mudaram desde as versões anteriores",
    "moved: {was} in {set}, {now} here": "mudou: {was} em {set}, {now} aqui",
    "within chance: {was} in {set}, {now} here": "dentro do acaso: {was} em {set}, {now} aqui",
    "the first release that is followed against this real set":
        "a primeira versão acompanhada contra este conjunto real",
    "no figure was judged in both releases": "nenhum valor foi julgado nas duas versões",
    "judged figures from release to release, those first that moved most; dashed: threshold":
        "valores julgados de versão a versão, primeiro os que mais mudaram; tracejado: limite",
    "releases": "versões", "against_sha256": "sha256 do conjunto real",
    "domain": "domínio", "features": "características", "set": "conjunto", "against": "contra", "real_n": "n real",
    "holdout": "reservado", "policy": "política", "policy_sha256": "sha256 da política", "seed": "semente",
    "left_out": "deixados de fora", "content_sha256": "sha256 do conteúdo", "seconds": "segundos",
    "holdout_n": "n reservado", "repair": "receita de reparo", "also": "junto com", "attribution": "atribuição",
    "real (grey) and synthetic (red), on the first two axes of the real set":
        "real (cinza) e sintético (vermelho), nos dois primeiros eixos do conjunto real",
    "Frechet distance": "distância de Fréchet", "kernel distance": "distância de núcleo (MMD²)",
    "precision": "precisão", "density": "densidade", "alpha-precision": "precisão alfa", "recall": "revocação",
    "coverage": "cobertura", "beta-recall": "revocação beta", "authenticity": "autenticidade", "Vendi score": "escore de Vendi",
    "real against real: {null}; n is the size of each draw":
        "real contra real: {null}; n é o tamanho de cada sorteio",
    "blank pictures": "imagens vazias", "black, white or one tone": "pretas, brancas ou de um só tom",
    "grid in the spectrum": "grade no espectro", "checkerboard": "padrão xadrez", "blur": "desfoque",
    "noise or over-sharpening": "ruído ou nitidez excessiva", "clipped tones": "tons saturados",
    "share of pictures beyond what {inside} % of the real ones show":
        "parte das imagens além do que {inside} % das reais mostram",
    "on average": "em média",
    "mean of the set, in standard deviations of the real ones": "média do conjunto, em desvios-padrão das reais",
    "copies of training things": "cópias de itens do treino",
    "nearer than {limit} to a training thing, or the same by the domain's own comparison; chance allows {expected}":
        "mais perto que {limit} de um item do treino, ou igual pela comparação do próprio domínio; o acaso permite {expected}",
    "near the training data": "proximidade ao treino",
    "p of Fisher's exact test; {ours} of {n} lie as near as {theirs} of {m} real hold-outs":
        "p do teste exato de Fisher; {ours} de {n} estão tão perto quanto {theirs} de {m} itens reais reservados",
    "p of Fisher's exact test; {ours} of {n} lie as near as {theirs} of {m} training things to each other":
        "p do teste exato de Fisher; {ours} de {n} estão tão perto quanto {theirs} de {m} itens do treino entre si",
    "duplicates in the set": "repetições no conjunto", "in the real set: {own}": "no conjunto real: {own}",
    "control: planted copies found": "controle: cópias plantadas encontradas",
    "disguised copies planted on purpose: an audit that misses them proves nothing, and fails":
        "cópias disfarçadas plantadas de propósito: uma auditoria que não as encontra nada prova, e reprova",
    "membership from the set alone": "pertencimento só pelo conjunto",
    "membership by the model's losses": "pertencimento pelas perdas do modelo",
    "membership by the model's likelihoods": "pertencimento pelas verossimilhanças do modelo",
    "membership beside a reference model": "pertencimento com modelo de referência",
    "hits at 1 % false alarms": "acertos com 1 % de alarmes falsos",
    "AUC of {m} members against {n} strangers": "AUC de {m} membros contra {n} estranhos",
    "membership from the set alone: needs 40 real things that the model never saw, by --holdout":
        "pertencimento só pelo conjunto: precisa de 40 itens reais que o modelo nunca viu, por --holdout",
    "singling out": "individualização", "linking": "vinculação",
    "gain over guesses about real rows never trained on; columns: {names}":
        "ganho sobre palpites a respeito de linhas reais nunca treinadas; colunas: {names}",
    "coverage, worst group": "cobertura, pior grupo", "coverage, gap": "cobertura, diferença",
    "plausibility, worst group": "plausibilidade, pior grupo", "plausibility, gap": "plausibilidade, diferença",
    "groups without a claim": "grupos sem afirmação", "too few in: {few}": "poucos em: {few}",
    "worst group: {worst}; real against real there: {null}": "pior grupo: {worst}; real contra real ali: {null}",
    "greatest less least of {groups} groups, by fairlearn": "maior menos menor de {groups} grupos, por fairlearn",
    "representation": "representação", "representation, worst group": "representação, pior grupo",
    "{worst}: target {share} ({source})": "{worst}: meta {share} ({source})",
    "distance from the target": "distância da meta",
    "total variation: 0 = as the target, 1 = nothing in common": "variação total: 0 = como a meta, 1 = nada em comum",
    "no attribute has several groups: give a table of attributes":
        "nenhum atributo tem vários grupos: forneça uma tabela de atributos",
    "skill kept": "desempenho mantido", "{what}: {ours} against {theirs}": "{what}: {ours} contra {theirs}",
    "the labels cannot be told even by the real model": "nem o modelo real distingue os rótulos",
    "no labels in both sets: name a column by --label": "sem rótulos nos dois conjuntos: nomeie uma coluna por --label",
    "without a source": "sem fonte", "of the training things": "dos itens do treino",
    "under another licence": "sob outra licença",
    "licences not allowed: {names}; allowed by the policy, as SPDX writes them: {known}":
        "licenças não permitidas: {names}; permitidas pela política, na grafia SPDX: {known}",
    "opted out, in the training data": "recusados, no treino", "opted out, in the set": "recusados, no conjunto",
    "no list of sources: name one by --sources, see {file}": "sem lista de fontes: nomeie uma por --sources, veja {file}",
    "share of the training data: {own}": "parte do treino: {own}",
    "on the block list": "na lista de bloqueio",
    "which ones is not told; ask whoever keeps the list": "quais, não se diz; pergunte a quem guarda a lista",
    "structural alerts": "alertas estruturais",
    "PAINS, BRENK, NIH and ChEMBL alerts; in the real set {theirs}":
        "alertas PAINS, BRENK, NIH e ChEMBL; no conjunto real {theirs}",
    "no screen is known for the domain {domain}": "nenhuma triagem é conhecida para o domínio {domain}",
    "": "",
}  # fmt: skip
ENGLISH = {
    "about fidelity": "how much it looks like the real, and how much of it it covers",
    "about privacy": "what it gives away of what the model learnt from",
    "about bias": "whom it leaves out or serves worse",
    "about usefulness": "whether a model trained on it works on real data",
    "about origin": "whose works, under which licence, and who did not want to take part",
    "about safety": "whether it holds what must not be passed on",
    "about rating": "which set people prefer, not knowing which is which",
    "about counterfactual pairs": "what changes with one attribute, pair by pair; whether it should is for people to say",
    "recipe_sha256": "recipe's sha256",
    "about drift": "how the figures moved since earlier releases",
    "against_sha256": "real set's sha256", "also": "together with",
    "What the verdicts mean": MEANING,
    "real_n": "real n", "left_out": "left out", "policy_sha256": "policy's sha256", "content_sha256": "content's sha256",
    "holdout": "hold-out", "holdout_n": "hold-out n",
}  # fmt: skip
PORTUGUESE["What the verdicts mean"] = PORTUGUESE[MEANING]


class Both(str):
    """An English sentence that brings its Portuguese with it: of words that others hold."""

    def __new__(cls, english: str, portuguese: str):
        found = super().__new__(cls, english)
        found.portuguese = portuguese
        return found


def sides(text: str) -> tuple[str, str]:
    """A sentence, or a name `attribute: what`, in English and Portuguese; what has no Portuguese stands as it is in both."""
    if isinstance(text, Both):
        return str(text), text.portuguese
    words, values = getattr(text, "words", text), getattr(text, "values", {})
    if words in PORTUGUESE:
        english, portuguese = ENGLISH.get(words, words), PORTUGUESE[words]
        return (str(text), portuguese.format(**{k: decimal(str(v)) for k, v in values.items()})) if values else (
            english, portuguese
        )  # fmt: skip
    head, colon, tail = str(text).partition(": ")
    if not colon or tail not in PORTUGUESE:
        return str(text), PORTUGUESE.get(head, head) + colon + tail
    return f"{ENGLISH.get(head, head)}: {ENGLISH.get(tail, tail)}", f"{PORTUGUESE.get(head, head)}: {PORTUGUESE[tail]}"


def decimal(text: str) -> str:
    """A number with a comma; other text as it is."""
    try:
        float(text)
    except ValueError:
        return text
    return text.replace(".", ",")
