"""Cultural heritage: restoration of paintings, photographs and manuscript pages."""

from difusa.domains.heritage.domain import DOMAIN

__all__ = ["DOMAIN"]
